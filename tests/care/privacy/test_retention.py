"""The night's round: counted first, in batches, once a day, and children who come of age."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from care.consents.models import Consent, ConsentNow, Purpose
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.patients.service import PatientData
from care.privacy import consents
from care.privacy.models import RetentionRound
from care.privacy.retention import Retention
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.care.privacy.ground import lay
from tests.factories.messages import conversation


async def test_what_is_old_enough_goes_once_and_is_counted(
    database: Database, clock: VirtualClock, world: World, tmp_path: Path
) -> None:
    await lay(database, clock, tmp_path, world.wang)
    retention = Retention(database, clock)
    assert not any(one.rows for one in await retention.dry_run())
    clock.advance(timedelta(days=1097))
    due = {one.table: one.rows for one in await retention.dry_run() if one.rows}
    assert due["inbound_message"] == 1
    async with database.read() as session:
        assert (await session.scalars(select(InboundMessage))).one().text
    day = clock.local().date()
    done = await retention.once(day)
    assert done is not None
    assert {one.table: one.rows for one in done if one.rows} == due
    assert await retention.once(day) is None
    assert not any(one.rows for one in await retention.dry_run())
    async with database.read() as session:
        heard = (await session.scalars(select(InboundMessage))).one()
        assert (heard.text_sealed, heard.raw_sealed) == (None, None)
        night = (await session.scalars(select(RetentionRound))).one()
        assert night.counted is not None
        assert night.counted["inbound_message.blank"] == 1
        trail = (await session.scalars(select(AuditRow).where(AuditRow.action == "retention"))).one()
        assert trail.detail["rows"] == night.counted
        # What 15 years are for is there.
        assert await session.scalar(select(func.count()).select_from(Consent)) == 5


async def test_it_runs_at_night_only(database: Database, clock: VirtualClock) -> None:
    retention = Retention(database, clock)
    local = clock.local()
    clock.advance(timedelta(hours=(12 - local.hour) % 24))
    assert await retention.tonight() is None
    clock.advance(timedelta(hours=15))
    assert await retention.tonight() is not None


async def test_a_guardians_consent_ends_with_the_fourteenth_birthday(
    database: Database, clock: VirtualClock
) -> None:
    today = clock.local().date()
    contact, _ = await conversation(database, clock)
    born = today.replace(year=today.year - 14) + timedelta(days=1)
    async with database.write() as session:
        child = await patients.create(
            session, PatientData("D9", "赵小满", "male", born, "19900000006"), clock.now()
        )
        await patients.link_contact(session, child.id, contact.id, Relation.CHILD, at=clock.now())
        assert await consents.decide(
            session,
            child,
            Purpose.FOLLOW_UP,
            True,
            by=contact.id,
            relation=Relation.CHILD,
            channel="wechat",
            inbound_id=new_id(),
            now=clock.now(),
            today=today,
        )
    retention = Retention(database, clock)
    await retention.once(today)
    async with database.read() as session:
        assert await session.scalar(select(ConsentNow.purpose)) == "follow_up"
    clock.advance(timedelta(days=1))
    await retention.once(clock.local().date())
    async with database.read() as session:
        assert await session.scalar(select(ConsentNow.purpose)) is None
        assert (await session.scalars(select(Consent))).one().guardian == "child"
        told = (await session.scalars(select(OutboundMessage))).one()
        assert told.reply["key"] == "privacy.turned_14"
        patient = await session.get_one(Patient, child.id)
        asks = await consents.undecided(session, patient, (Purpose.FOLLOW_UP,))
        assert [one.purpose for one in asks] == [Purpose.FOLLOW_UP]
