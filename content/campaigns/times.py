"""When a campaign sends: its own times, in the hospital's zone."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from itertools import count

from content.campaigns.kinds import Kind, Unit
from content.campaigns.late import in_time
from content.campaigns.models import Campaign
from store.clock import Clock

SCAN = 10_000
"""Occurrences looked at before giving up: more than any campaign has."""


def at_time(clock: Clock, day: date, text: str | None) -> datetime:
    """The moment `text` ("09:30"; None: midnight) of a day of the hospital, UTC."""
    return clock.to_utc(datetime.combine(day, time.fromisoformat(text or "00:00")))


def added(first: date, every: int, unit: str, times: int) -> date:
    """`first` and so many steps on; a month without that day ends the step on its last day."""
    if unit == Unit.MONTH:
        months = first.month - 1 + every * times
        year, month = first.year + months // 12, months % 12 + 1
        return date(year, month, min(first.day, monthrange(year, month)[1]))
    return first + timedelta(days=every * times * (7 if unit == Unit.WEEK else 1))


def occurrence_at(row: Campaign, clock: Clock, number: int) -> datetime:
    """The moment of the `number`th occurrence (from 1) of a recurring campaign."""
    assert row.start_at is not None and row.every is not None and row.unit is not None
    first = clock.local(row.start_at).date()
    if at_time(clock, first, row.at_time) < row.start_at:
        first += timedelta(days=1)
    return at_time(clock, added(first, row.every, row.unit, number - 1), row.at_time)


def next_due(row: Campaign, clock: Clock, last: int) -> tuple[int, datetime] | None:
    """The next launch after the `last` (0: none yet) as number and moment, which may be in the past; None: there is none.

    Of several occurrences that were missed only the newest is left, and that only where it is not too late for it.
    """
    today = clock.local().date()
    if row.kind in (Kind.ONCE, Kind.SCHEDULED):
        at = row.start_at if row.kind == Kind.SCHEDULED else row.started_at
        if at is None or last:
            return None
        return (1, at) if row.kind == Kind.ONCE or in_time(row, clock.local(at).date(), today) else None
    if row.kind != Kind.RECURRING:
        return None
    now, newest = clock.now(), None
    for number in count(last + 1):
        at = occurrence_at(row, clock, number)
        if (row.end_at is not None and at >= row.end_at) or number > last + SCAN:
            return newest
        if at > now:
            return newest or (number, at)
        if in_time(row, clock.local(at).date(), today):
            newest = number, at
    return newest


def missed(row: Campaign, clock: Clock, last: int) -> bool:
    """Whether a scheduled campaign's only moment is over and may not be made up for."""
    return row.kind == Kind.SCHEDULED and not last and next_due(row, clock, last) is None
