"""A year of visits as rows, and the places booked in the weeks ahead: the same chances on both sides of today. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from care.appointments.models import Schedule, Slot, Status
from care.appointments.planning import Calendar, Hours, slot_row, starts
from care.demo.habits import Habits
from care.demo.visitors import Visitor
from store.clock import Clock
from store.ids import new_id

Row = dict[str, Any]
MOST = 0.6
"""A clinic ahead is filled so far at most: who tries the demo finds a place."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What visits are made of. `codes`: of the departments by id; `visitors`: who goes there."""

    clock: Clock
    calendar: Calendar
    schedules: Sequence[Schedule]
    codes: Mapping[UUID, str]
    visitors: Mapping[UUID, list[Visitor]]


def past(ground: Ground, habits: Habits, days: Sequence[date]) -> Iterator[tuple[Row, Row]]:
    """Slot and appointment of every visit of `days`, which are over, in their order."""
    for day in days:
        for department, clinics in _held(ground, day).items():
            number = habits.count(habits.expected(ground.codes[department], day))
            who = _different(ground.visitors.get(department, ()), number, day, habits)
            places = [(one, hours, start) for one, hours in clinics for start in starts(one, day, hours)]
            for visitor, place in zip(
                who, habits.chance.sample(places, min(len(who), len(places))), strict=False
            ):
                yield _visit(ground, habits, visitor, *place)


def _held(ground: Ground, day: date) -> dict[UUID, list[tuple[Schedule, Hours]]]:
    found: dict[UUID, list[tuple[Schedule, Hours]]] = {}
    for one in ground.schedules:
        if (hours := ground.calendar.hours(one, day)) is not None:
            found.setdefault(one.department_id, []).append((one, hours))
    return found


def _different(pool: Sequence[Visitor], number: int, day: date, habits: Habits) -> list[Visitor]:
    """Nobody goes to two places on a day."""
    drawn = habits.chance.sample(pool, min(len(pool), number * 2))
    free = [one for one in drawn if (one.until is None or day <= one.until) and day not in one.days]
    for one in free[:number]:
        one.days.add(day)
    return free[:number]


def _visit(
    ground: Ground, habits: Habits, who: Visitor, clinic: Schedule, hours: Hours, start: datetime
) -> tuple[Row, Row]:
    lead = habits.lead()
    booked = habits.booked_at(start, lead)
    status = habits.fate(who, start, clinic.part, lead, booked)
    slot = slot_row(clinic, start, hours.capacity, None, ground.clock)
    if status is not Status.CANCELLED:
        slot["taken"] = 1
    changed = _changed(habits, status, booked, start)
    row = _row(slot, who, status, habits.via(who, start.date()))
    utc = ground.clock.to_utc
    return slot, {**row, "created_at": utc(booked), "changed_at": utc(changed)}


def _changed(habits: Habits, status: Status, booked: datetime, start: datetime) -> datetime:
    """When it came to what it is now: seen within the hour, missed by the end of the half-day, cancelled before."""
    if status is Status.CANCELLED:
        return booked + (start - booked) * habits.chance.uniform(0.2, 0.95)
    return start + timedelta(minutes=habits.chance.randint(8, 55) if status is Status.FULFILLED else 240)


def _row(slot: Mapping[str, Any], who: Visitor, status: Status, via: str) -> Row:
    return {
        "id": new_id(),
        "status": status.value,
        "patient_id": who.patient_id,
        "slot_id": slot["id"],
        "practitioner_id": slot["practitioner_id"],
        "department_id": slot["department_id"],
        "start": slot["start"],
        "day": slot["day"],
        "part": slot["part"],
        "fee_fen": slot["fee_fen"],
        "created_via": via,
    }


def ahead(ground: Ground, habits: Habits, slots: Sequence[Slot], now: datetime) -> Iterator[Row]:
    """Appointments of today and of the days ahead that are booked by now, in free `slots` (ordered by start).

    Each is BOOKED, or CANCELLED; what became of those of today that are over is `today.py`'s to say.
    """
    today = ground.clock.local(now).date()
    for (day, department), places in _grouped(slots).items():
        left = (day - today).days
        number = habits.count(habits.expected(ground.codes[department], day) * habits.booked_by(left))
        number = min(number, int(len(places) * MOST))
        who = _different(ground.visitors.get(department, ()), number, day, habits)
        for visitor, slot in zip(who, habits.chance.sample(places, len(who)), strict=True):
            start = ground.clock.local_naive(slot.start)
            lead = habits.lead(left)
            booked = min(ground.clock.to_utc(habits.booked_at(start, lead)), now - timedelta(minutes=3))
            gone = lead > 0 and habits.cancels(lead) and slot.start > now
            status = Status.CANCELLED if gone else Status.BOOKED
            changed = booked + (now - booked) * habits.chance.random() if gone else booked
            values = {name: getattr(slot, name) for name in _COPIED}
            row = _row(values, visitor, status, habits.via(visitor, day))
            yield {**row, "created_at": booked, "changed_at": changed}


_COPIED = ("id", "practitioner_id", "department_id", "start", "day", "part", "fee_fen")


def _grouped(slots: Sequence[Slot]) -> dict[tuple[date, UUID], list[Slot]]:
    found: dict[tuple[date, UUID], list[Slot]] = {}
    for one in slots:
        found.setdefault((one.day, one.department_id), []).append(one)
    return found
