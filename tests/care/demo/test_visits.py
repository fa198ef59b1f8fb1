"""The demo's visits: loaded once, nobody real, nothing to be sent, and the no-show model finds what stays away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care import seed
from care.appointments.coming.models import ComingVisit, VisitReminder
from care.appointments.models import LIVE, Appointment, Slot, Status
from care.appointments.noshow import service as noshow
from care.appointments.noshow.models import Verdict
from care.appointments.noshow.worker import NoshowWorker
from care.appointments.queue import screens
from care.appointments.queue.models import QueueTicket
from care.demo.loading import Loaded, load_visits
from care.hospital.models import HospitalDay
from care.hospital.words import load
from care.patients.models import Patient, PatientTag
from channels.outbox.models import OutboundMessage
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent

DAYS = 90
"""A quarter is enough to see everything there is."""


async def _count(session: AsyncSession, table: Any, *where: Any) -> int:
    return await session.scalar(select(func.count()).select_from(table).where(*where)) or 0


async def test_the_year(database: Database, clock: VirtualClock) -> None:
    clock.advance(timedelta(days=1, minutes=37))  # Monday, 9:37: the clinics are open
    parts: list[str] = []
    await seed.seed_demo(database, clock)
    async with database.write("visits") as session:
        events = await _count(session, PatientEvent)
        loaded = await load_visits(session, clock, seed.generated_ids(), parts.append, DAYS)
    assert parts == ["visitors", "past", "ahead"]
    assert loaded.past > 5000 and loaded.ahead > 200 and loaded.tickets > 20
    async with database.write("visits again") as session:
        assert await load_visits(session, clock, seed.generated_ids(), parts.append, DAYS) == Loaded()
    async with database.read() as session:
        assert await _count(session, OutboundMessage) == 0, "nothing is said to anybody"
        assert await _count(session, PatientEvent) == events, "and nobody hears of it"
        await _people(session)
        await _rows(session, clock)
        await _today(session, clock)
    await NoshowWorker(database, clock, on=True).train()
    async with database.read() as session:
        trained = await noshow.latest(session)
        assert trained is not None and trained.verdict == Verdict.GOOD
        assert trained.weights["lead"] > 0.4 and trained.weights["missed_before"] > 0.2
        assert await _count(session, ComingVisit, ComingVisit.risk.is_not(None)) > 200


async def _people(session: AsyncSession) -> None:
    tagged = select(Patient).join(PatientTag, PatientTag.patient_id == Patient.id)
    rows = (await session.scalars(tagged.where(PatientTag.tag == load("history")["tag"]))).all()
    assert len(rows) == load("history")["visitors"]
    assert all(one.phone.startswith("+861990000") for one in rows), "the fictional range"
    assert len({one.phone for one in rows}) == len(rows)


async def _rows(session: AsyncSession, clock: VirtualClock) -> None:
    today = clock.local().date()
    past = (Appointment.day < today,)
    states = dict(
        (
            await session.execute(
                select(Appointment.status, func.count()).where(*past).group_by(Appointment.status)
            )
        )
        .tuples()
        .all()
    )
    assert set(states) == {Status.FULFILLED, Status.NOSHOW, Status.CANCELLED}
    assert 0.05 < states[Status.NOSHOW] / (states[Status.NOSHOW] + states[Status.FULFILLED]) < 0.15
    assert await _count(session, Appointment, Appointment.created_at >= Appointment.start, *past) == 0
    live = func.count(Appointment.id).filter(Appointment.status.in_((*LIVE, Status.FULFILLED, Status.NOSHOW)))
    places = select(Slot.id, Slot.taken, live.label("used")).join(Appointment, Appointment.slot_id == Slot.id)
    uneven = places.group_by(Slot.id, Slot.taken).having(live != Slot.taken)
    assert (await session.execute(uneven)).first() is None, "each place is taken by whoever has it"
    days = set(await session.scalars(select(Appointment.day).where(*past).distinct()))
    assert not {one for one in days if one.weekday() == 6}, "no clinics on Sundays"
    assert await _count(session, HospitalDay) == 0


async def _today(session: AsyncSession, clock: VirtualClock) -> None:
    states = set(await session.scalars(select(QueueTicket.state).distinct()))
    assert states == {"waiting", "called", "done"}
    numbers = select(func.count()).group_by(QueueTicket.practitioner_id, QueueTicket.part)
    rooms = numbers.where(QueueTicket.state == "called")
    assert set(await session.scalars(rooms)) == {1}, "one in a room"
    assert await _count(session, VisitReminder, VisitReminder.at > clock.now()) == 0
    for one in load("history")["screens"]:
        assert await screens.find(session, one["token"]) is not None
