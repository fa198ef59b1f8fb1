"""Quiet hours and rest days: when a purpose may next be sent, in the hospital's time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from care.gate.rules import GateRules
from language.when.holidays import Holidays

LOOK_AHEAD = 40
"""Days: longer than any run of rest days."""


class OpenHours:
    """When each purpose may be sent. `holidays` is the hospital's table of public holidays and 调休 days."""

    def __init__(self, rules: GateRules, holidays: Holidays | None = None) -> None:
        self._rules = rules
        table = holidays or Holidays.load()
        self._is_workday = lru_cache(maxsize=512)(table.is_workday)
        self.next_open = lru_cache(maxsize=64)(self._next_open)
        """The first moment from `at` (aware) on when `purpose` may be sent; `at` itself when it may be now. A batch asks the
        same few things at the same moment."""

    def _next_open(self, purpose: str, at: datetime) -> datetime:
        hours, rests = self._rules.hours.get(purpose), purpose in self._rules.rest_days
        if hours is None and not rests:
            return at
        begin, end = hours or (time.min, None)
        local = at.astimezone(self._rules.zone)
        for ahead in range(LOOK_AHEAD):
            day = local.date() + timedelta(days=ahead)
            if (rests and not self._is_workday(day)) or (
                not ahead and end is not None and local.time() >= end
            ):
                continue
            if not ahead and local.time() >= begin:
                return at
            return datetime.combine(day, begin, tzinfo=self._rules.zone).astimezone(UTC)
        raise RuntimeError(f"no working day within {LOOK_AHEAD} days; look at the holidays' table")

    def rests(self, purpose: str, at: datetime) -> bool:
        """Whether it is the day, not the hour, that `purpose` waits for."""
        day: date = at.astimezone(self._rules.zone).date()
        return purpose in self._rules.rest_days and not self._is_workday(day)
