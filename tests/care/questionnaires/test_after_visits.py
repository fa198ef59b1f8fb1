"""After a visit: asked once, about that visit, not again for a month; old visits of a fresh installation are left alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import Status
from care.appointments.queue import service as queue
from care.appointments.views import Booked, Held
from care.consents import service as consents
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Relation
from care.questionnaires.after_visits import ask_after_visits, visit_meant
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.publishing import publish_shipped
from channels.contacts import service as contacts
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

WAIT = timedelta(hours=2)


async def agreed(session: AsyncSession, clock: VirtualClock, world: World, *, surveys: bool) -> None:
    """王秀兰 on her phone; with `surveys` she agreed to be asked."""
    now = clock.now()
    contact, _ = await contacts.ensure(session, "sms", "acc", "+8619900000001", now)
    await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=now)
    if surveys:
        await consents.decide(
            session,
            subject="patient",
            subject_id=world.wang,
            purpose=Purpose.SURVEY,
            granted=True,
            text_version="1",
            channel="sms",
            now=now,
        )


async def seen(
    database: Database, clock: VirtualClock, world: World, doctor: UUID, *, surveys: bool = True
) -> UUID:
    """A visit from the booking to its end."""
    async with database.write() as session:
        await publish_shipped(session, clock.now())
        await agreed(session, clock, world, surveys=surveys)
        await slots.generate_slots(session, clock)
        [free] = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await appointments.hold(session, slot_id=free.slot_id, patient_id=world.wang, now=clock.now())
        assert isinstance(held, Held)
        booked = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="sms")
        assert isinstance(booked, Booked)
    clock.advance(free.start - clock.now())
    visit = booked.appointment.appointment_id
    async with database.write() as session:
        for step in (Status.ARRIVED, Status.FULFILLED):
            assert await appointments.move_on(session, visit, step, now=clock.now())
    return visit


async def asked(database: Database) -> list[QuestionnaireResponse]:
    async with database.read() as session:
        return list(await session.scalars(select(QuestionnaireResponse)))


async def test_asked_once_about_that_visit_two_hours_later(
    database: Database, world: World, clock: VirtualClock
) -> None:
    visit = await seen(database, clock, world, world.li)
    while await ask_after_visits(database, clock, WAIT):
        pass
    [row] = await asked(database)
    assert (row.name, row.patient_id, row.appointment_id) == ("satisfaction", world.wang, visit)
    assert row.due_at == clock.now() + WAIT
    async with database.read() as session:
        assert await visit_meant(session, world.wang, clock.now()) == visit
        assert await visit_meant(session, world.lijing, clock.now()) is None


async def test_not_again_for_a_month_however_often_they_come(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await seen(database, clock, world, world.li)
    while await ask_after_visits(database, clock, WAIT):
        pass
    await seen(database, clock, world, world.li)
    while await ask_after_visits(database, clock, WAIT):
        pass
    assert len(await asked(database)) == 1


async def test_a_visit_taken_back_is_not_asked_about_until_it_is_over(
    database: Database, world: World, clock: VirtualClock
) -> None:
    visit = await seen(database, clock, world, world.li)
    await ask_after_visits(database, clock, WAIT)
    async with database.write() as session:
        assert await queue.not_seen(session, visit, now=clock.now())
    await ask_after_visits(database, clock, WAIT)
    assert [(one.status, one.due_at) for one in await asked(database)] == [("stopped", None)]
    clock.advance(timedelta(minutes=40))
    async with database.write() as session:
        assert await appointments.move_on(session, visit, Status.FULFILLED, now=clock.now())
    await ask_after_visits(database, clock, WAIT)
    assert [one.due_at for one in await asked(database) if one.status == "in-progress"] == [
        clock.now() + WAIT
    ]


async def test_visits_long_ago_are_left_alone(database: Database, world: World, clock: VirtualClock) -> None:
    await seen(database, clock, world, world.li)
    clock.advance(timedelta(days=3))
    while await ask_after_visits(database, clock, WAIT):
        pass
    assert await asked(database) == []


async def test_who_never_agreed_to_surveys_is_not_asked(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await seen(database, clock, world, world.li, surveys=False)
    while await ask_after_visits(database, clock, WAIT):
        pass
    assert await asked(database) == []
