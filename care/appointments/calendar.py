"""Clinics as staff look at them: a department's week by doctor, and who comes in one half-day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Part, Slot, Status
from care.hospital.models import Practitioner
from care.patients.models import Patient

WEEK = 7


@dataclass(frozen=True, slots=True)
class Cell:
    """A half-day of a doctor: `taken` of `capacity` places (holds included); `closed`: none of it can be booked."""

    capacity: int
    taken: int
    closed: bool

    @property
    def full(self) -> bool:
        return self.taken >= self.capacity


@dataclass(frozen=True, slots=True)
class DoctorWeek:
    """`cells` by (day, part); what is not there is no clinic."""

    practitioner_id: UUID
    name: str
    title: str
    cells: dict[tuple[date, str], Cell] = field(default_factory=dict)


async def week(session: AsyncSession, department_id: UUID, first: date) -> list[DoctorWeek]:
    """The doctors of a department who have clinics in the seven days from `first`, in the order of their numbers."""
    open_slots = case((Slot.status == "free", 1), else_=0)
    query = (
        select(
            Practitioner.id,
            Practitioner.name,
            Practitioner.title,
            Slot.day,
            Slot.part,
            func.sum(Slot.capacity),
            func.sum(Slot.taken),
            func.max(open_slots),
        )
        .join(Practitioner, Practitioner.id == Slot.practitioner_id)
        .where(
            Slot.department_id == department_id,
            Slot.day >= first,
            Slot.day < first + timedelta(days=WEEK),
            or_(Slot.status != "gone", Slot.taken > 0),
        )
        .group_by(
            Practitioner.id, Practitioner.code, Practitioner.name, Practitioner.title, Slot.day, Slot.part
        )
        .order_by(Practitioner.code, Slot.day)
    )
    found: dict[UUID, DoctorWeek] = {}
    for doctor, name, title, day, part, capacity, taken, is_open in await session.execute(query):
        row = found.setdefault(doctor, DoctorWeek(doctor, name, title))
        row.cells[day, part] = Cell(int(capacity), int(taken), not is_open)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who comes, came or did not come."""

    appointment_id: UUID
    patient: Patient
    start: datetime
    status: Status
    changed_at: datetime


SHOWN = tuple(one.value for one in Status if one not in (Status.PROPOSED, Status.CANCELLED))


async def half_day(session: AsyncSession, practitioner_id: UUID, day: date, part: Part) -> Sequence[Visitor]:
    """Who has a place in a doctor's half-day, by time; cancelled ones are left out."""
    query = (
        select(Appointment, Patient)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            Appointment.practitioner_id == practitioner_id,
            Appointment.day == day,
            Appointment.part == part,
            Appointment.status.in_(SHOWN),
        )
        .order_by(Appointment.start, Appointment.id)
    )
    rows = await session.execute(query)
    return [_visitor(one, patient) for one, patient in rows]


def _visitor(one: Appointment, patient: Patient) -> Visitor:
    return Visitor(one.id, patient, one.start, Status(one.status), one.changed_at)


@dataclass(frozen=True, slots=True)
class Place:
    """A slot with who has it. `free`: somebody may be booked into it; `spare`: only by staff, above the capacity."""

    slot: Slot
    visitors: tuple[Visitor, ...]
    free: bool
    spare: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A doctor's day, by time."""

    practitioner_id: UUID
    name: str
    title: str
    day: date
    places: tuple[Place, ...]


async def columns(
    session: AsyncSession,
    *,
    now: datetime,
    first: date,
    last: date,
    department_id: UUID | None = None,
    practitioner_id: UUID | None = None,
) -> list[Column]:
    """The days of a department's doctors, or of one doctor, from `first` to `last` (included): by day, then doctor."""

    def of(table: type[Slot] | type[Appointment]) -> list[ColumnElement[bool]]:
        wanted = [table.day >= first, table.day <= last]
        if department_id is not None:
            wanted.append(table.department_id == department_id)
        if practitioner_id is not None:
            wanted.append(table.practitioner_id == practitioner_id)
        return wanted

    came = (
        select(Appointment, Patient)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(*of(Appointment), Appointment.status.in_(SHOWN))
        .order_by(Appointment.created_at)
    )
    visitors: dict[UUID, list[Visitor]] = {}
    for one, patient in await session.execute(came):
        visit = _visitor(one, patient)
        visitors.setdefault(one.slot_id, []).append(visit)
    query = (
        select(Slot, Practitioner)
        .join(Practitioner, Practitioner.id == Slot.practitioner_id)
        .where(*of(Slot))
        .order_by(Slot.day, Practitioner.code, Slot.start)
        .execution_options(populate_existing=True)
    )
    found: dict[tuple[date, UUID], list[Place]] = {}
    doctors: dict[UUID, Practitioner] = {}
    for slot, doctor in await session.execute(query):
        there = tuple(visitors.get(slot.id, ()))
        if slot.status == "gone" and not there:
            continue
        doctors[doctor.id] = doctor
        ahead = slot.status == "free" and slot.start > now
        place = Place(
            slot,
            there,
            ahead and slot.taken < slot.capacity,
            ahead and slot.capacity <= slot.taken < slot.capacity + slot.overbook,
        )
        found.setdefault((slot.day, doctor.id), []).append(place)
    return [
        Column(doctor, doctors[doctor].name, doctors[doctor].title, day, tuple(places))
        for (day, doctor), places in found.items()
    ]
