"""What callers get: a slot or an appointment with the names that belong to it, detached from the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from care.appointments.models import Appointment, Kind, Part, Slot, Status
from care.hospital.models import HealthcareService, Practitioner


@dataclass(frozen=True, slots=True)
class Limits:
    """Whom a clinic sees: whole years, both included; `sex` is `male` or `female`. None: everyone."""

    min_age: int | None = None
    max_age: int | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class SlotView:
    """A time with places `left`. `limits`: the department's and the clinic's own, together.

    `start` and `end` are aware UTC; `place` may be shown anywhere; `fee_fen` in fen.
    """

    slot_id: UUID
    start: datetime
    end: datetime
    day: date
    part: Part
    left: int
    fee_fen: int
    department_id: UUID
    department: str
    sensitive: bool
    place: str
    practitioner_id: UUID
    practitioner: str
    title: str
    kind: Kind = Kind.GENERAL
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class HalfDayView:
    """A doctor's half-day: its first free slot, and how many places are left in all of it."""

    first: SlotView
    left: int


@dataclass(frozen=True, slots=True)
class AppointmentView:
    """An appointment as it is told to the patient."""

    appointment_id: UUID
    status: Status
    patient_id: UUID
    slot_id: UUID
    start: datetime
    day: date
    part: Part
    fee_fen: int
    department_id: UUID
    department: str
    sensitive: bool
    place: str
    practitioner_id: UUID
    practitioner: str
    title: str
    kind: Kind = Kind.GENERAL
    preparation: str = ""


class Why(StrEnum):
    """Why a booking act was refused; the caller has a wording for each."""

    FULL = "full"
    PAST = "past"
    UNKNOWN = "unknown"
    HOLD_GONE = "hold_gone"
    SAME_HALF_DAY = "same_half_day"
    OVERLAP = "overlap"
    TOO_MANY_UPCOMING = "too_many_upcoming"
    TOO_MANY_HOLDS = "too_many_holds"
    TOO_MANY_TODAY = "too_many_today"
    NOSHOWS = "noshows"
    AGE = "age"
    SEX = "sex"
    PATIENT_STATUS = "patient_status"
    TOO_LATE = "too_late"
    NOT_LIVE = "not_live"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed. `appointment_id`: the existing one in the way, if that is why; `limits`: those not met; `until`: from when on
    it would be allowed again."""

    why: Why
    appointment_id: UUID | None = None
    limits: Limits | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The place is kept until `until`."""

    hold_id: UUID
    slot: SlotView
    until: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """`again`: this hold had been confirmed before; nothing was done twice."""

    appointment: AppointmentView
    again: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`again`: it was cancelled already. `waits`: a system outside has yet to give it up; if it does not, it stands again."""

    appointment: AppointmentView
    again: bool = False
    waits: bool = False


class _Names(NamedTuple):
    """Department and doctor, as slots and appointments are told with them; `place` is the department's."""

    department_id: UUID
    department: str
    sensitive: bool
    place: str
    practitioner_id: UUID
    practitioner: str
    title: str


def _names(department: HealthcareService, practitioner: Practitioner) -> _Names:
    return _Names(
        department.id,
        department.name,
        department.sensitive,
        department.place,
        practitioner.id,
        practitioner.name,
        practitioner.title,
    )


def _names_in(row: Row[Any]) -> _Names:
    return _Names(
        row.department_id,
        row.department,
        row.sensitive,
        row.department_place,
        row.practitioner_id,
        row.practitioner,
        row.title,
    )


def _visit(of: Slot | Appointment | Row[Any], names: _Names) -> dict[str, Any]:
    """What a slot and an appointment have in common."""
    return {
        "start": of.start,
        "day": of.day,
        "part": Part(of.part),
        "fee_fen": of.fee_fen,
        "kind": Kind(of.kind),
        **names._asdict(),
        "place": of.place or names.place,
    }


def _slot(of: Slot | Row[Any], slot_id: UUID, names: _Names, limits: Limits) -> SlotView:
    left = max(0, of.capacity - of.taken)
    return SlotView(slot_id=slot_id, end=of.end, left=left, limits=limits, **_visit(of, names))


def slot_view(slot: Slot, department: HealthcareService, practitioner: Practitioner) -> SlotView:
    limits = _narrower(slot, department.min_age, department.max_age, department.sex)
    return _slot(slot, slot.id, _names(department, practitioner), limits)


def found_slot(row: Row[Any]) -> SlotView:
    """Of a row with `statements.FOUND`."""
    limits = _narrower(row, row.department_min_age, row.department_max_age, row.department_sex)
    return _slot(row, row.id, _names_in(row), limits)


def _narrower(slot: Slot | Row[Any], min_age: int | None, max_age: int | None, sex: str | None) -> Limits:
    youngest = [age for age in (slot.min_age, min_age) if age is not None]
    oldest = [age for age in (slot.max_age, max_age) if age is not None]
    return Limits(max(youngest, default=None), min(oldest, default=None), slot.sex or sex)


def booked_view(new: dict[str, Any], row: Row[Any]) -> AppointmentView:
    """Of an appointment's values just stored, and the row of the hold it came from."""
    return AppointmentView(
        appointment_id=new["id"],
        status=Status(new["status"]),
        patient_id=row.patient_id,
        slot_id=row.slot_id,
        preparation=row.preparation,
        **_visit(row, _names_in(row)),
    )


def appointment_view(
    row: Appointment, department: HealthcareService, practitioner: Practitioner
) -> AppointmentView:
    return AppointmentView(
        appointment_id=row.id,
        status=Status(row.status),
        patient_id=row.patient_id,
        slot_id=row.slot_id,
        preparation=department.preparation,
        **_visit(row, _names(department, practitioner)),
    )
