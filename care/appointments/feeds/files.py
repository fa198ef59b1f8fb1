"""Calendar files (RFC 5545, written by `icalendar`). They leave the house: no patient's name, nothing of a sensitive department.

A later state has a higher SEQUENCE; what is not held any more stays in the file as CANCELLED, so that calendars take it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from icalendar import Alarm, Calendar, Event
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service
from care.appointments.blocks.models import ClinicBlock
from care.appointments.closures.models import ClinicClosure
from care.appointments.models import Appointment, Part, Slot, Status
from care.appointments.views import AppointmentView
from care.hospital.models import HealthcareService
from web.words import Words

BEFORE, AFTER = timedelta(days=14), timedelta(days=60)
"""The days of a doctor's feed."""
_ALARM = timedelta(hours=-2)
_MOVES = 20
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_LENGTH = timedelta(minutes=30)
"""A visit's length in the patient's calendar; ours."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment as it stands now, whatever it was when the link was made. `root`: what it was first."""

    root: UUID
    moves: int
    view: AppointmentView
    changed_at: datetime


async def visit(session: AsyncSession, appointment_id: UUID) -> Visit:
    """Follows the appointment through its moves, back to the first and on to the last."""
    root, current, moves = appointment_id, appointment_id, 0
    for _ in range(_MOVES):
        before = await session.scalar(select(Appointment.replaces_id).where(Appointment.id == root))
        if before is None:
            break
        root, moves = before, moves + 1
    for _ in range(_MOVES):
        query = select(Appointment.id).where(Appointment.replaces_id == current)
        after = await session.scalar(query.order_by(Appointment.created_at.desc()).limit(1))
        if after is None:
            break
        current, moves = after, moves + 1
    row = await session.get_one(Appointment, current)
    view = await service.get(session, current)
    assert view is not None
    return Visit(root, moves, view, row.changed_at)


def of_visit(one: Visit, words: Words, now: datetime) -> bytes:
    """A patient's appointment."""
    view = one.view
    gone = view.status in (Status.CANCELLED, Status.NOSHOW)
    event = _event(
        f"visit-{one.root}", view.start, view.start + _LENGTH, 2 * one.moves + gone, gone, one.changed_at, now
    )
    if view.sensitive:
        event.add("summary", words("ics", "visit"))
    else:
        event.add("summary", words("ics", "visit_at", department=view.department, doctor=view.practitioner))
    event.add("location", view.place)
    event.add("description", words("ics", "bring"))
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", words("ics", "visit"))
    alarm.add("trigger", _ALARM)
    event.add_component(alarm)
    return _calendar(words("ics", "mine"), [event])


@dataclass(frozen=True, slots=True)
class HalfDay:
    """A doctor's clinic. `changed_at`: of anything in it."""

    practitioner_id: UUID
    day: date
    part: Part
    start: datetime
    end: datetime
    department: str
    sensitive: bool
    place: str
    booked: int
    capacity: int
    held: bool
    changed_at: datetime


async def half_days(session: AsyncSession, practitioner_id: UUID, today: date) -> Sequence[HalfDay]:
    """A doctor's clinics from two weeks back to two months ahead, closed ones too."""
    within = (
        Slot.practitioner_id == practitioner_id,
        Slot.day >= today - BEFORE,
        Slot.day <= today + AFTER,
    )
    slots = await session.execute(
        select(Slot, HealthcareService)
        .join(HealthcareService, HealthcareService.id == Slot.department_id)
        .where(*within)
        .order_by(Slot.start)
    )
    changes = await session.execute(
        select(Appointment.day, Appointment.part, func.max(Appointment.changed_at))
        .where(Appointment.practitioner_id == practitioner_id, Appointment.day >= today - BEFORE)
        .group_by(Appointment.day, Appointment.part)
    )
    changed = {(day, part): at for day, part, at in changes}
    closed = await _closed_at(session, practitioner_id)
    rows: dict[tuple[date, str], list[tuple[Slot, HealthcareService]]] = {}
    for slot, department in slots:
        rows.setdefault((slot.day, slot.part), []).append((slot, department))
    return [
        HalfDay(
            practitioner_id,
            key[0],
            Part(key[1]),
            held[0][0].start,
            max(slot.end for slot, _ in held),
            held[0][1].name,
            held[0][1].sensitive,
            held[0][1].place,
            sum(slot.taken for slot, _ in held),
            sum(slot.capacity for slot, _ in held),
            any(slot.status == "free" or slot.taken for slot, _ in held),
            max(_EPOCH, changed.get(key, _EPOCH), closed),
        )
        for key, held in rows.items()
    ]


def of_doctor(clinics: Sequence[HalfDay], words: Words, now: datetime) -> bytes:
    """How full each clinic is; who comes stays in the house."""
    events = []
    for one in clinics:
        sequence = int((one.changed_at - _EPOCH).total_seconds())
        uid = f"clinic-{one.practitioner_id}-{one.day.isoformat()}-{one.part}"
        event = _event(uid, one.start, one.end, sequence, not one.held, one.changed_at, now)
        where = one.place if one.sensitive else one.department
        event.add(
            "summary",
            words("ics", "clinic", department=where, booked=one.booked, capacity=one.capacity),
        )
        event.add("location", one.place)
        events.append(event)
    return _calendar(words("ics", "clinics"), events)


async def _closed_at(session: AsyncSession, practitioner_id: UUID) -> datetime:
    """When a clinic of the doctor's was last closed or opened again."""
    found = [
        await session.scalar(select(func.max(one)).where(table.practitioner_id == practitioner_id))
        for table in (ClinicBlock, ClinicClosure)
        for one in (table.created_at, table.undone_at)
    ]
    return max((one for one in found if one is not None), default=_EPOCH)


def _event(
    uid: str,
    start: datetime,
    end: datetime,
    sequence: int,
    gone: bool,
    changed_at: datetime,
    now: datetime,
) -> Event:
    event = Event()
    event.add("uid", f"{uid}@banyi")
    event.add("dtstamp", now)
    event.add("last-modified", changed_at)
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("sequence", sequence)
    event.add("status", "CANCELLED" if gone else "CONFIRMED")
    return event


def _calendar(name: str, events: Sequence[Event]) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Banyi//clinic//ZH")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", timedelta(minutes=30), parameters={"VALUE": "DURATION"})
    for event in events:
        calendar.add_component(event)
    return bytes(calendar.to_ical())
