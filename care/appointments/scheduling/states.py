"""The rows a change is of, as plain values that can be kept, compared and put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Schedule, ScheduleException
from care.appointments.scheduling.models import What
from care.hospital import workdays
from care.hospital.models import DayKind, HealthcareService, HospitalDay

State = Mapping[str, Any]
_CLINIC = (
    "practitioner_id", "department_id", "weekday", "part", "starts", "ends", "slot_minutes", "capacity", "overbook",
    "fee_fen", "kind", "min_age", "max_age", "sex", "location_id", "valid_from", "valid_to", "on_holidays", "active",
)  # fmt: skip
_EXCEPTION = ("schedule_id", "practitioner_id", "day", "closed", "starts", "ends", "capacity", "reason")
_AS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("practitioner_id", "department_id", "location_id", "schedule_id"), UUID),
    **dict.fromkeys(("starts", "ends"), time.fromisoformat),
    **dict.fromkeys(("valid_from", "valid_to", "day"), date.fromisoformat),
}


def plain(values: State) -> dict[str, Any]:
    """For JSON: ids, dates and times as text."""
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat("minutes")
    return value.isoformat() if isinstance(value, date) else value


def _typed(values: State) -> dict[str, Any]:
    return {
        name: _AS[name](value) if name in _AS and value is not None else value
        for name, value in values.items()
    }


async def state(session: AsyncSession, what: What, key: str) -> dict[str, Any] | None:
    """None: not there (a weekly clinic that is no longer held counts as not there)."""
    match what:
        case What.CLINIC:
            clinic = await session.get(Schedule, UUID(key), populate_existing=True)
            return None if clinic is None or not clinic.active else _picked(clinic, _CLINIC)
        case What.EXCEPTION:
            one = await session.get(ScheduleException, UUID(key), populate_existing=True)
            return None if one is None else _picked(one, _EXCEPTION)
        case What.DAY:
            day = await session.get(HospitalDay, date.fromisoformat(key), populate_existing=True)
            return None if day is None else _picked(day, ("kind", "name", "as_weekday"))
        case What.PREPARATION:
            department = await session.get(HealthcareService, UUID(key), populate_existing=True)
            return None if department is None else _picked(department, ("preparation",))


def _picked(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return plain({name: getattr(row, name) for name in names})


async def put(
    session: AsyncSession, what: What, key: str, wanted: State | None, *, by: UUID, now: datetime
) -> None:
    """Make the row what `wanted` says; None takes it away."""
    values = _typed(wanted) if wanted is not None else None
    match what:
        case What.CLINIC:
            await _put_clinic(session, UUID(key), values)
        case What.EXCEPTION:
            await session.execute(delete(ScheduleException).where(ScheduleException.id == UUID(key)))
            if values is not None:
                session.add(ScheduleException(id=UUID(key), created_by=by, created_at=now, **values))
        case What.DAY:
            day = date.fromisoformat(key)
            if values is None:
                await workdays.clear_day(session, day)
            else:
                kind = DayKind(values["kind"])
                await workdays.set_day(session, day, kind, values["name"], values["as_weekday"])
        case What.PREPARATION:
            department = await session.get_one(HealthcareService, UUID(key), populate_existing=True)
            department.preparation = "" if values is None else values["preparation"]
    await session.flush()


async def _put_clinic(session: AsyncSession, schedule_id: UUID, values: dict[str, Any] | None) -> None:
    """Slots point at a clinic: it is never deleted, only no longer held."""
    row = await session.get(Schedule, schedule_id, populate_existing=True)
    if row is None:
        if values is None:
            return
        row = Schedule(id=schedule_id)
        session.add(row)
    for name, value in (values or {"active": False}).items():
        setattr(row, name, value)


async def clinics_touched(
    session: AsyncSession, what: What, key: str, *states: State | None
) -> list[UUID] | None:
    """The weekly clinics whose slots a change moves; None: those of the whole hospital."""
    if what is What.CLINIC:
        return [UUID(key)]
    if what is What.DAY:
        return None
    found: set[UUID] = set()
    for one in states:
        if one is None or what is not What.EXCEPTION:
            continue
        if one["schedule_id"]:
            found.add(UUID(one["schedule_id"]))
        else:
            mine = select(Schedule.id).where(Schedule.practitioner_id == UUID(one["practitioner_id"]))
            found.update(await session.scalars(mine))
    return sorted(found)


def days_touched(what: What, key: str, *states: State | None) -> tuple[date | None, date | None]:
    """First and last day whose slots a change moves; None without bound."""
    if what is What.DAY:
        day = date.fromisoformat(key)
        return day, day
    days = [date.fromisoformat(one["day"]) for one in states if one is not None and what is What.EXCEPTION]
    return (min(days), max(days)) if days else (None, None)
