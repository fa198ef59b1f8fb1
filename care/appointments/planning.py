"""When a weekly clinic is held on a date, and the slots it then has. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from care.appointments.models import OnHolidays, Schedule, ScheduleException
from care.hospital.workdays import Workdays
from store.clock import Clock
from store.ids import new_id


@dataclass(frozen=True, slots=True)
class Hours:
    """A clinic on one day: from when to when (the hospital's own time), places a slot."""

    starts: time
    ends: time
    capacity: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Everything besides the weekly schedules that decides whether a clinic is held.

    Exceptions by (schedule or doctor, day); `places` by location: how it is said.
    """

    workdays: Workdays = field(default_factory=Workdays)
    exceptions: Mapping[tuple[UUID, date], ScheduleException] = field(default_factory=dict)
    places: Mapping[UUID, str] = field(default_factory=dict)

    def hours(self, schedule: Schedule, day: date) -> Hours | None:
        """None: not held. An exception of the clinic wins over one of its doctor, both over holidays."""
        if not schedule.active:
            return None
        own = self.exceptions.get((schedule.id, day))
        if own is not None:
            return None if own.closed else _hours(schedule, own)
        doctors = self.exceptions.get((schedule.practitioner_id, day))
        if (doctors is not None and doctors.closed) or not self._is_held(schedule, day):
            return None
        capacity = doctors.capacity if doctors is not None else None
        return Hours(schedule.starts, schedule.ends, schedule.capacity if capacity is None else capacity)

    def _is_held(self, schedule: Schedule, day: date) -> bool:
        if schedule.valid_from is not None and day < schedule.valid_from:
            return False
        if schedule.valid_to is not None and day > schedule.valid_to:
            return False
        match OnHolidays(schedule.on_holidays):  # the weekday first: the calendar is the dearer question
            case OnHolidays.FOLLOW:
                return self.workdays.weekday(day) == schedule.weekday and not self._off(day)
            case OnHolidays.IGNORE:
                return day.weekday() == schedule.weekday
            case OnHolidays.REPLACE:
                return day.weekday() == schedule.weekday and self._off(day)

    def _off(self, day: date) -> bool:
        return self.workdays.holiday(day) is not None


def _hours(schedule: Schedule, own: ScheduleException) -> Hours:
    return Hours(
        own.starts or schedule.starts,
        own.ends or schedule.ends,
        schedule.capacity if own.capacity is None else own.capacity,
    )


def exceptions_by_key(rows: Iterable[ScheduleException]) -> dict[tuple[UUID, date], ScheduleException]:
    """As `Calendar.exceptions` has them."""
    return {
        (key, row.day): row for row in rows if (key := row.schedule_id or row.practitioner_id) is not None
    }


def days_between(first: date, last: date) -> list[date]:
    """Both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def planned(
    schedules: Sequence[Schedule], days: Sequence[date], calendar: Calendar, clock: Clock
) -> Iterator[dict[str, Any]]:
    """Rows of `Slot` as they should be, each with an id of its own."""
    for day in days:
        for schedule in schedules:
            if (hours := calendar.hours(schedule, day)) is not None:
                yield from _slots(schedule, day, hours, calendar.places, clock)


def _slots(
    schedule: Schedule, day: date, hours: Hours, places: Mapping[UUID, str], clock: Clock
) -> Iterator[dict[str, Any]]:
    place = places.get(schedule.location_id) if schedule.location_id is not None else None
    for start in starts(schedule, day, hours):
        yield slot_row(schedule, start, hours.capacity, place, clock)


def starts(schedule: Schedule, day: date, hours: Hours) -> Iterator[datetime]:
    """When the slots of a day begin (the hospital's own time); none without places."""
    step = timedelta(minutes=schedule.slot_minutes)
    start, end = datetime.combine(day, hours.starts), datetime.combine(day, hours.ends)
    while hours.capacity > 0 and start + step <= end:
        yield start
        start += step


def slot_row(
    schedule: Schedule, start: datetime, capacity: int, place: str | None, clock: Clock
) -> dict[str, Any]:
    """A row of `Slot`, free, with an id of its own; `start` is the hospital's own time."""
    return {
        "id": new_id(),
        "schedule_id": schedule.id,
        "practitioner_id": schedule.practitioner_id,
        "department_id": schedule.department_id,
        "start": clock.to_utc(start),
        "end": clock.to_utc(start + timedelta(minutes=schedule.slot_minutes)),
        "day": start.date(),
        "part": schedule.part,
        "capacity": capacity,
        "taken": 0,
        "fee_fen": schedule.fee_fen,
        "status": "free",
        "kind": schedule.kind,
        "overbook": schedule.overbook,
        "min_age": schedule.min_age,
        "max_age": schedule.max_age,
        "sex": schedule.sex,
        "place": place,
    }
