"""Consents and opt-outs: who decides, what stops what, and sets."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.consents.service import Recipient, Subject, Verdict
from care.patients import service as patients
from care.patients.models import Relation
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World


async def _decide(
    database: Database, clock: VirtualClock, subject: Subject, who: UUID, purpose: Purpose, granted: bool
) -> None:
    async with database.write() as session:
        await consents.decide(
            session,
            subject=subject,
            subject_id=who,
            purpose=purpose,
            granted=granted,
            text_version="2026-01",
            channel="wechat",
            proof="inbound:1",
            now=clock.now(),
        )


async def _allows(
    database: Database, purpose: Purpose, contact: UUID, patient: UUID | None = None
) -> Verdict:
    async with database.read() as session:
        return await consents.allows(session, purpose, contact_id=contact, patient_id=patient)


async def test_what_was_never_granted_is_not_sent_but_service_notices_are(
    database: Database, world: World
) -> None:
    contact = uuid4()
    assert await _allows(database, Purpose.SERVICE_NOTICE, contact, world.wang) == Verdict(True, "not_needed")
    for purpose in set(Purpose) - {Purpose.SERVICE_NOTICE}:
        assert await _allows(database, purpose, contact, world.wang) == Verdict(False, "never_granted")


async def test_a_withdrawal_by_either_wins_and_the_newest_decision_holds(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact, education = uuid4(), Purpose.EDUCATION
    await _decide(database, clock, "patient", world.wang, education, True)
    assert await _allows(database, education, contact, world.wang) == Verdict(True, "granted")
    assert not (await _allows(database, education, contact)).allowed, "granted about the patient only"
    await _decide(database, clock, "contact", contact, education, False)
    assert await _allows(database, education, contact, world.wang) == Verdict(False, "withdrawn")
    await _decide(database, clock, "contact", contact, education, True)
    await _decide(database, clock, "patient", world.wang, education, False)
    assert await _allows(database, education, contact, world.wang) == Verdict(False, "withdrawn")
    await _decide(database, clock, "patient", world.wang, education, True)
    assert (await _allows(database, education, contact, world.wang)).allowed
    async with database.read() as session:
        ledger = await consents.ledger(session, [world.wang, contact])
        assert len(ledger) == 5
        assert {row.proof for row in ledger} == {"inbound:1"}
        kinds = [event.kind for event in await patients.timeline(session, world.wang)]
        assert sorted(kinds) == ["consent.granted", "consent.granted", "consent.withdrawn"]


@pytest.mark.parametrize(
    ("level", "stopped"),
    [
        (OptOutLevel.CONTENT, set(Purpose) - {Purpose.SERVICE_NOTICE}),
        (OptOutLevel.ALL, set(Purpose)),
    ],
)
async def test_opting_out_and_back_in(
    database: Database, world: World, clock: VirtualClock, level: OptOutLevel, stopped: set[Purpose]
) -> None:
    contact = uuid4()
    for purpose in set(Purpose) - {Purpose.MARKETING}:
        await _decide(database, clock, "patient", world.wang, purpose, True)
    async with database.write() as session:
        await consents.opt_out(session, contact, level, channel="sms", now=clock.now())
    for purpose in Purpose:
        verdict = await _allows(database, purpose, contact, world.wang)
        assert verdict.allowed == (purpose not in stopped)
    async with database.write() as session:
        await consents.opt_in(session, contact, channel="sms", now=clock.now())
    for purpose in Purpose:
        verdict = await _allows(database, purpose, contact, world.wang)
        assert verdict.allowed == (purpose != Purpose.MARKETING), "coming back grants nothing new"


async def test_a_person_stops_on_all_their_own_contacts_but_not_for_the_family(
    database: Database, world: World, clock: VirtualClock
) -> None:
    wechat, phone, daughters = uuid4(), uuid4(), uuid4()
    async with database.write() as session:
        for contact, relation in (
            (wechat, Relation.SELF),
            (phone, Relation.SELF),
            (daughters, Relation.MOTHER),
        ):
            await patients.link_contact(session, world.wang, contact, relation, at=clock.now())
        touched = await consents.opt_out(session, phone, OptOutLevel.ALL, channel="sms", now=clock.now())
        assert touched == sorted([wechat, phone])
        await consents.opt_out(session, wechat, OptOutLevel.CONTENT, channel="wechat", now=clock.now())
    async with database.read() as session:
        levels = [await consents.opt_out_level(session, one) for one in (wechat, phone, daughters)]
        assert levels == [OptOutLevel.ALL, OptOutLevel.ALL, OptOutLevel.NONE]


async def test_a_whole_set_is_judged_at_once(database: Database, world: World, clock: VirtualClock) -> None:
    stopped = uuid4()
    await _decide(database, clock, "patient", world.wang, Purpose.FOLLOW_UP, True)
    async with database.write() as session:
        await consents.opt_out(session, stopped, OptOutLevel.CONTENT, channel="sms", now=clock.now())
    many = [Recipient(uuid4(), world.wang) for _ in range(1200)]
    others = [Recipient(stopped, world.wang), Recipient(uuid4(), world.zhang)]
    async with database.read() as session:
        verdicts = await consents.verdicts(session, Purpose.FOLLOW_UP, many + others)
    assert all(verdicts[one].allowed for one in many)
    assert [verdicts[one].reason for one in others] == ["opted_out", "never_granted"]
