"""When each step of a plan is due: pure, from the anchor's day, the offset, the time of day, working days and the late rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

from care.plans.definition import Plan, Step
from channels.chinatime import CHINA

LATE = "late"
"""Why a step is skipped that missed its day."""


class Days(Protocol):
    """Working days (`care.hospital.workdays.Workdays`)."""

    def is_workday(self, day: date) -> bool: ...

    def next_workday(self, day: date) -> date: ...

    def previous_workday(self, day: date) -> date: ...


@dataclass(frozen=True, slots=True)
class Due:
    """A step and the moment it ought to go (aware, UTC). `skip`: it is not done any more, and why."""

    step: Step
    at: datetime
    skip: str | None = None


def due_dates(
    plan: Plan,
    anchor_date: date,
    workdays: Days,
    now: datetime,
    *,
    anchors: Mapping[str, date] | None = None,
    zone: tzinfo = CHINA,
) -> list[Due]:
    """Every step of `plan` that has a day, by time. `anchors`: the days of other facts than the plan's own that are on record; a step
    counted from one that is not there has no day yet and is left out."""
    found: list[Due] = []
    for step in plan.steps:
        day = day_of(step, plan, anchor_date, anchors or {})
        if day is not None:
            at = moment(step, day, workdays, zone)
            found.append(Due(step, at, LATE if is_late(step, at, now, zone) else None))
    return sorted(found, key=lambda one: (one.at, one.step.priority, one.step.id))


def day_of(step: Step, plan: Plan, anchor_date: date, anchors: Mapping[str, date]) -> date | None:
    """The step's day by the calendar, before working days are looked at."""
    own = step.anchor in (None, plan.anchor)
    begins = anchor_date if own else anchors.get(step.anchor or "")
    return None if begins is None else begins + timedelta(days=step.days)


def moment(step: Step, day: date, workdays: Days, zone: tzinfo = CHINA) -> datetime:
    """The step's moment on `day`, or on the working day its rule says."""
    if step.workday != "any" and not workdays.is_workday(day):
        day = workdays.next_workday(day) if step.workday == "next" else workdays.previous_workday(day)
    return at_time(day, step.at, zone)


def at_time(day: date, at: time, zone: tzinfo = CHINA) -> datetime:
    return datetime.combine(day, at, zone)


def is_late(step: Step, planned_for: datetime, now: datetime, zone: tzinfo = CHINA) -> bool:
    """Whether the step is not done any more: its day is over, and its rule or its limit says no.

    On its own day nothing is late, whatever the hour.
    """
    return missed_days(planned_for, now, zone) > (step.stale_days if step.late == "catch_up" else 0)


def missed_days(planned_for: datetime, now: datetime, zone: tzinfo = CHINA) -> int:
    """Local days between the step's own and `now`; 0 or less: it has not missed it."""
    return (now.astimezone(zone).date() - planned_for.astimezone(zone).date()).days
