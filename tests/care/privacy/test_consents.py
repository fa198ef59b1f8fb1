"""Consent at binding: asked once a version, a guardian's for a young child, proved by the message it was given with."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from sqlalchemy import select

from care.consents.models import Consent, Purpose
from care.patients.models import Patient, Relation
from care.privacy import consents
from care.privacy.texts import texts
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

TODAY = date(2026, 11, 23)


def test_every_wording_says_what_why_how_long_and_the_way_out() -> None:
    assert {Purpose.BINDING, Purpose.HEALTH, Purpose.FOLLOW_UP, Purpose.SURVEY, Purpose.EDUCATION} <= set(
        texts()
    )
    assert all(len(text.version) <= 40 for text in texts().values())
    assert len({text.version for text in texts().values()}) == len(texts())


async def test_both_are_asked_separately_and_only_once(database: Database, clock: VirtualClock) -> None:
    contact = uuid4()
    async with database.write() as session:
        asks = await consents.asked_at_binding(session, contact, relation=Relation.SELF)
        assert [one.purpose for one in asks] == [Purpose.BINDING, Purpose.HEALTH]
        await consents.answered_at_binding(
            session, contact, Purpose.BINDING, True, channel="wechat", inbound_id=uuid4(), now=clock.now()
        )
    async with database.write() as session:
        asks = await consents.asked_at_binding(session, contact, relation=Relation.SELF)
        assert [one.key for one in asks] == ["privacy.ask_health"]
        await consents.answered_at_binding(
            session, contact, Purpose.HEALTH, True, channel="wechat", inbound_id=uuid4(), now=clock.now()
        )
    async with database.read() as session:
        assert await consents.asked_at_binding(session, contact, relation=Relation.SELF) == ()


async def test_a_parent_decides_for_a_young_child_and_nobody_else(
    database: Database, clock: VirtualClock, world: World
) -> None:
    contact, inbound = uuid4(), uuid4()
    async with database.write() as session:
        child = await session.get_one(Patient, world.child)
        outcome = await consents.bound(
            session,
            contact,
            child,
            relation=Relation.SELF,
            channel="wechat",
            inbound_id=inbound,
            now=clock.now(),
            today=TODAY,
        )
        assert outcome == "guardian_needed"
        assert await session.scalar(select(Consent.id)) is None
        outcome = await consents.bound(
            session,
            contact,
            child,
            relation=Relation.CHILD,
            channel="wechat",
            inbound_id=inbound,
            now=clock.now(),
            today=TODAY,
        )
        assert outcome == "agreed"
    async with database.read() as session:
        rows = (await session.scalars(select(Consent).where(Consent.subject_id == world.child))).all()
    assert {(row.purpose, row.guardian, row.given_by, row.proof) for row in rows} == {
        (purpose, "child", contact, f"inbound:{inbound}") for purpose in ("binding", "health")
    }
    assert all("2026-11." in row.text_version for row in rows)
