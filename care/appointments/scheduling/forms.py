"""What the forms of the schedule page send, read into the values of a change. Raises `ScheduleError` with a word that says what to mend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from care.appointments.models import Kind, OnHolidays, Part, Schedule
from care.appointments.scheduling.service import ScheduleError
from care.hospital.models import DayKind

Form = Mapping[str, str]
E = TypeVar("E", bound=StrEnum)
MOST_PLACES, LONGEST_NOTE = 500, 120
DEAREST_FEN = 1_000_000


def clinic(form: Form, practitioner_id: UUID, department_id: UUID) -> dict[str, Any]:
    """A weekly clinic's values."""
    starts, ends = _hours(form)
    minutes = _number(form, "slot_minutes", 3, 240)
    if minutes is None or _minutes(starts) + minutes > _minutes(ends):
        raise ScheduleError("slot_minutes")
    youngest, oldest = _number(form, "min_age", 0, 130), _number(form, "max_age", 0, 130)
    if youngest is not None and oldest is not None and youngest > oldest:
        raise ScheduleError("ages")
    first, last = _day(form, "valid_from"), _day(form, "valid_to")
    if first and last and last < first:
        raise ScheduleError("days_backward")
    return {
        "practitioner_id": str(practitioner_id),
        "department_id": str(department_id),
        "weekday": _needed(form, "weekday", 0, 6),
        "part": part_of(starts).value,
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "slot_minutes": minutes,
        "capacity": _needed(form, "capacity", 1, MOST_PLACES),
        "overbook": _number(form, "overbook", 0, MOST_PLACES) or 0,
        "fee_fen": _fee(form),
        "kind": _word(form, "kind", Kind).value,
        "min_age": youngest,
        "max_age": oldest,
        "sex": form.get("sex") if form.get("sex") in ("male", "female") else None,
        "location_id": _id(form, "location_id"),
        "valid_from": first.isoformat() if first else None,
        "valid_to": last.isoformat() if last else None,
        "on_holidays": _word(form, "on_holidays", OnHolidays).value,
        "active": True,
    }


def exception(
    form: Form, practitioner_id: UUID, clinics: Mapping[UUID, Schedule], today: date
) -> dict[str, Any]:
    """An exception of one of the doctor's `clinics`, or of all of them."""
    day = _day(form, "day")
    if day is None or day < today:
        raise ScheduleError("day_past")
    chosen = _id(form, "clinic")
    if chosen is not None and UUID(chosen) not in clinics:
        raise ScheduleError("clinic")
    closed = form.get("how") == "closed"
    starts = ends = None
    if not closed and chosen is not None and (form.get("starts") or form.get("ends")):
        starts, ends = _hours(form)
    capacity = None if closed else _number(form, "capacity", 1, MOST_PLACES)
    if not closed and chosen is None and capacity is None:
        raise ScheduleError("nothing_other")
    return {
        "schedule_id": chosen,
        "practitioner_id": None if chosen else str(practitioner_id),
        "day": day.isoformat(),
        "closed": closed,
        "starts": f"{starts:%H:%M}" if starts else None,
        "ends": f"{ends:%H:%M}" if ends else None,
        "capacity": capacity,
        "reason": form.get("reason", "").strip()[:LONGEST_NOTE],
    }


def hospital_day(form: Form, today: date) -> tuple[date, dict[str, Any]]:
    """A day of the hospital's own calendar."""
    day = _day(form, "day")
    if day is None or day < today:
        raise ScheduleError("day_past")
    kind = _word(form, "kind", DayKind)
    name = form.get("name", "").strip()[:40]
    if kind is DayKind.OFF and not name:
        raise ScheduleError("day_name")
    as_weekday = _number(form, "as_weekday", 0, 6) if kind is DayKind.WORK else None
    return day, {"kind": kind.value, "name": name, "as_weekday": as_weekday}


def part_of(starts: time) -> Part:
    if starts < time(12):
        return Part.MORNING
    return Part.AFTERNOON if starts < time(17, 30) else Part.EVENING


def _hours(form: Form) -> tuple[time, time]:
    try:
        starts, ends = (time.fromisoformat(form.get(name, "")) for name in ("starts", "ends"))
    except ValueError as error:
        raise ScheduleError("hours") from error
    if ends <= starts:
        raise ScheduleError("hours")
    return starts, ends


def _minutes(value: time) -> int:
    return value.hour * 60 + value.minute


def _number(form: Form, name: str, least: int, most: int) -> int | None:
    said = form.get(name, "").strip()
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and least <= int(said) <= most):
        raise ScheduleError(name)
    return int(said)


def _needed(form: Form, name: str, least: int, most: int) -> int:
    found = _number(form, name, least, most)
    if found is None:
        raise ScheduleError(name)
    return found


def _fee(form: Form) -> int:
    try:
        fen = Decimal(form.get("fee", "").strip() or "0") * 100
    except InvalidOperation as error:
        raise ScheduleError("fee") from error
    if not fen.is_finite() or fen != fen.to_integral_value() or not 0 <= fen <= DEAREST_FEN:
        raise ScheduleError("fee")
    return int(fen)


def _day(form: Form, name: str) -> date | None:
    said = form.get(name, "")
    try:
        return date.fromisoformat(said) if said else None
    except ValueError as error:
        raise ScheduleError("day") from error


def _id(form: Form, name: str) -> str | None:
    said = form.get(name, "")
    try:
        return str(UUID(said)) if said else None
    except ValueError as error:
        raise ScheduleError(name) from error


def _word(form: Form, name: str, among: type[E]) -> E:
    try:
        return among(form.get(name, ""))
    except ValueError as error:
        raise ScheduleError(name) from error
