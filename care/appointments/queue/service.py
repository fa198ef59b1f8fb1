"""Checking in, calling, passing over, putting back. Two nurses who press at once call one patient.

What is called counts, not what was booked: who comes in time is seen in the order of the times booked, who comes late in the order of
arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments import slips
from care.appointments.models import Appointment, Part, Status
from care.appointments.notices import service as notices
from care.appointments.notices.models import NoticeKind
from care.appointments.queue import telling
from care.appointments.queue.models import QueueRoom, QueueTicket, TicketState
from care.appointments.queue.telling import Word
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from store import events

BEHIND = 3
"""Who was called in vain and comes back is called after so many others: `data/seed/faq/registration.yml`, 过号."""
OPENS = timedelta(minutes=60)
"""So long before the time booked a patient may check in from the phone; ours."""
_OPEN = (TicketState.WAITING, TicketState.CALLED, TicketState.PASSED)


@dataclass(frozen=True, slots=True)
class Line:
    """One queue: a doctor's half-day."""

    practitioner_id: UUID
    day: date
    part: Part


def line_of(ticket: QueueTicket) -> Line:
    return Line(ticket.practitioner_id, ticket.day, Part(ticket.part))


async def check_in(
    session: AsyncSession, appointment_id: UUID, *, now: datetime, by: str = "staff"
) -> QueueTicket | None:
    """A number for who is here. Asked again: the same ticket. None for an appointment that is not live.

    Emits `appointment.arrived`.
    """
    row = await session.get(Appointment, appointment_id, populate_existing=True)
    if row is None:
        return None
    line = Line(row.practitioner_id, row.day, Part(row.part))
    await _lock(session, line)
    there = await session.get(QueueTicket, appointment_id, populate_existing=True)
    if there is not None:
        return there
    arrived = await appointments.move_on(session, appointment_id, Status.ARRIVED, now=now)
    if not arrived and row.status != Status.ARRIVED:
        return None
    last = await session.scalar(select(func.max(QueueTicket.number)).where(*_in(line)))
    ticket = QueueTicket(
        appointment_id=appointment_id,
        patient_id=row.patient_id,
        practitioner_id=row.practitioner_id,
        department_id=row.department_id,
        day=row.day,
        part=row.part,
        number=(last or 0) + 1,
        state=TicketState.WAITING,
        order_at=max(row.start, now),
        arrived_at=now,
        calls=0,
        by=by,
    )
    session.add(ticket)
    await session.flush()
    return ticket


async def take_back(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """The wrong one was checked in: booked again, without a number. False once called."""
    ticket = await _locked(session, appointment_id)
    if ticket is None or ticket.state != TicketState.WAITING or ticket.calls:
        return False
    await telling.hush(session, appointment_id, Word.SOON, now=now)
    await session.delete(ticket)
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    row.status, row.changed_at = Status.BOOKED, now
    events.emit(
        session, row.patient_id, "appointment.arrival_taken_back", now, appointment_id=str(appointment_id)
    )
    await session.flush()
    return True


async def call_next(
    session: AsyncSession, line: Line, *, seen: UUID | None, by: UUID, now: datetime
) -> QueueTicket | None:
    """Call who is next; `seen` is who was in the room as the caller saw it, and is seen now. Who is called is told, and who comes soon.

    None where the room has changed meanwhile (somebody else has called), or nobody waits.
    """
    await _lock(session, line)
    current = await called(session, line)
    if (current.appointment_id if current else None) != seen:
        return None
    if current is not None:
        await _finish(session, current, now)
    query = (
        select(QueueTicket)
        .where(*_in(line), QueueTicket.state == TicketState.WAITING)
        .order_by(QueueTicket.order_at, QueueTicket.number)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    ticket = (await session.scalars(query)).first()
    if ticket is not None:
        await _call(session, ticket, now)
        await _owe(session, ticket, NoticeKind.CALLED, by, now)
    return ticket


async def call_again(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """Who is called has not come yet. False when not called."""
    ticket = await _locked(session, appointment_id)
    if ticket is None or ticket.state != TicketState.CALLED:
        return False
    await _call(session, ticket, now)
    return True


async def pass_over(session: AsyncSession, appointment_id: UUID, *, by: UUID, now: datetime) -> bool:
    """过号: called and did not come; told what to do. False when not called."""
    ticket = await _locked(session, appointment_id)
    if ticket is None or ticket.state != TicketState.CALLED:
        return False
    ticket.state = TicketState.PASSED
    await session.flush()
    await telling.hush(session, appointment_id, Word.CALLED, now=now)
    await _owe(session, ticket, NoticeKind.PASSED, by, now)
    return True


async def put_back(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """Who was passed over is here: behind `BEHIND` others. False when not passed over."""
    ticket = await _locked(session, appointment_id)
    if ticket is None or ticket.state != TicketState.PASSED:
        return False
    query = (
        select(QueueTicket.order_at)
        .where(*_in(line_of(ticket)), QueueTicket.state == TicketState.WAITING)
        .order_by(QueueTicket.order_at, QueueTicket.number)
        .limit(BEHIND)
    )
    before = (await session.scalars(query)).all()
    ticket.state = TicketState.WAITING
    ticket.order_at = before[-1] + timedelta(microseconds=1) if before else now
    await session.flush()
    await telling.hush(session, appointment_id, Word.PASSED, now=now)
    return True


async def done(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """Seen. False when neither called nor waiting. Emits `appointment.fulfilled`."""
    ticket = await _locked(session, appointment_id)
    if ticket is None:
        return await appointments.move_on(session, appointment_id, Status.FULFILLED, now=now)
    if ticket.state not in _OPEN:
        return False
    await _finish(session, ticket, now)
    return True


async def seen(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """Who is in the room has been. False when not called any more: passed over, say, by somebody else at the desk."""
    ticket = await _locked(session, appointment_id)
    if ticket is None or ticket.state != TicketState.CALLED:
        return False
    await _finish(session, ticket, now)
    return True


async def not_seen(session: AsyncSession, appointment_id: UUID, *, now: datetime) -> bool:
    """看完 was a slip: in the room again, or, where somebody else is by now, called next. False after `rules.UNDO_FOR`.

    Emits `slips.UNDONE`.
    """
    ticket = await _locked(session, appointment_id)
    before = Status.BOOKED if ticket is None else Status.ARRIVED
    if not await slips.not_seen(session, appointment_id, before, now=now):
        return False
    if ticket is None:
        return True
    line = line_of(ticket)
    if ticket.called_at is not None and await called(session, line) is None:
        ticket.state = TicketState.CALLED
    else:
        ticket.state = TicketState.WAITING
        waiting = (*_in(line), QueueTicket.state == TicketState.WAITING)
        first = await session.scalar(select(func.min(QueueTicket.order_at)).where(*waiting))
        if ticket.called_at is not None and first is not None:
            ticket.order_at = min(ticket.order_at, first - timedelta(microseconds=1))
    await session.flush()
    return True


async def called(session: AsyncSession, line: Line) -> QueueTicket | None:
    """Who is in the room, or on the way there."""
    query = select(QueueTicket).where(*_in(line), QueueTicket.state == TicketState.CALLED)
    return (await session.scalars(query.execution_options(populate_existing=True))).first()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket with whose it is."""

    ticket: QueueTicket
    patient: Patient
    start: datetime
    changed_at: datetime


async def tickets(session: AsyncSession, line: Line) -> list[Waiting]:
    """Everybody of a queue, next first."""
    query = (
        select(QueueTicket, Patient, Appointment.start, Appointment.changed_at)
        .join(Patient, Patient.id == QueueTicket.patient_id)
        .join(Appointment, Appointment.id == QueueTicket.appointment_id)
        .where(*_in(line))
        .order_by(QueueTicket.order_at, QueueTicket.number)
    )
    return [Waiting(*row) for row in await session.execute(query)]


@dataclass(frozen=True, slots=True)
class Row:
    """A doctor's line as a screen shows it: who is called, who is next; oldest first."""

    practitioner: str
    title: str
    room: str
    part: Part
    called: tuple[tuple[int, Patient], ...]
    waiting: tuple[tuple[int, Patient], ...]
    passed: tuple[int, ...]


async def board(session: AsyncSession, department_id: UUID, day: date) -> list[Row]:
    """The lines of a department with somebody in them."""
    query = (
        select(QueueTicket, Patient, Practitioner, HealthcareService.room, QueueRoom.room)
        .join(Patient, Patient.id == QueueTicket.patient_id)
        .join(Practitioner, Practitioner.id == QueueTicket.practitioner_id)
        .join(HealthcareService, HealthcareService.id == QueueTicket.department_id)
        .outerjoin(
            QueueRoom,
            (QueueRoom.practitioner_id == QueueTicket.practitioner_id) & (QueueRoom.day == QueueTicket.day),
        )
        .where(
            QueueTicket.department_id == department_id,
            QueueTicket.day == day,
            QueueTicket.state.in_(_OPEN),
        )
        .order_by(Practitioner.code, QueueTicket.order_at, QueueTicket.number)
    )
    lines: dict[tuple[UUID, str], list[tuple[QueueTicket, Patient]]] = {}
    heads: dict[tuple[UUID, str], tuple[Practitioner, str]] = {}
    for ticket, patient, doctor, usual, today in await session.execute(query):
        key = (doctor.id, ticket.part)
        lines.setdefault(key, []).append((ticket, patient))
        heads[key] = (doctor, today or usual)
    return [
        Row(
            heads[key][0].name,
            heads[key][0].title,
            heads[key][1],
            Part(key[1]),
            tuple((one.number, who) for one, who in rows if one.state == TicketState.CALLED),
            tuple((one.number, who) for one, who in rows if one.state == TicketState.WAITING),
            tuple(one.number for one, _ in rows if one.state == TicketState.PASSED),
        )
        for key, rows in lines.items()
    ]


async def room(session: AsyncSession, practitioner_id: UUID, day: date) -> str:
    """The room given for the day, else the department's."""
    kept = await session.get(QueueRoom, (practitioner_id, day), populate_existing=True)
    if kept is not None:
        return kept.room
    usual = (
        select(HealthcareService.room)
        .join(Practitioner, Practitioner.department_id == HealthcareService.id)
        .where(Practitioner.id == practitioner_id)
    )
    return await session.scalar(usual) or ""


async def set_room(session: AsyncSession, practitioner_id: UUID, day: date, said: str) -> None:
    """An empty one goes back to the department's."""
    kept = await session.get(QueueRoom, (practitioner_id, day))
    if not said and kept is not None:
        await session.delete(kept)
    elif kept is not None:
        kept.room = said
    elif said:
        session.add(QueueRoom(practitioner_id=practitioner_id, day=day, room=said))
    await session.flush()


# --- inside ---


def _in(line: Line) -> tuple[ColumnElement[bool], ...]:
    return (
        QueueTicket.practitioner_id == line.practitioner_id,
        QueueTicket.day == line.day,
        QueueTicket.part == line.part,
    )


async def _lock(session: AsyncSession, line: Line) -> None:
    """One at a time in a doctor's queues (SQLite writes one at a time anyway)."""
    await session.execute(
        select(Practitioner.id).where(Practitioner.id == line.practitioner_id).with_for_update()
    )


async def _locked(session: AsyncSession, appointment_id: UUID) -> QueueTicket | None:
    ticket = await session.get(QueueTicket, appointment_id)
    if ticket is None:
        return None
    await _lock(session, line_of(ticket))
    return await session.get(QueueTicket, appointment_id, populate_existing=True)


async def _call(session: AsyncSession, ticket: QueueTicket, now: datetime) -> None:
    ticket.state, ticket.called_at = TicketState.CALLED, now
    ticket.calls += 1
    await telling.hush(session, ticket.appointment_id, Word.SOON, Word.PASSED, now=now)
    events.emit(
        session, ticket.patient_id, "appointment.called", now, appointment_id=str(ticket.appointment_id)
    )
    await session.flush()


async def _owe(session: AsyncSession, ticket: QueueTicket, kind: NoticeKind, by: UUID, now: datetime) -> None:
    await notices.owe(session, kind, ticket.patient_id, by=by, now=now, appointment_id=ticket.appointment_id)


async def _finish(session: AsyncSession, ticket: QueueTicket, now: datetime) -> None:
    await telling.hush(session, ticket.appointment_id, *Word, now=now)
    await session.execute(
        update(QueueTicket)
        .where(QueueTicket.appointment_id == ticket.appointment_id)
        .values(state=TicketState.DONE)
    )
    await appointments.move_on(session, ticket.appointment_id, Status.FULFILLED, now=now)
