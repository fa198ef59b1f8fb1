"""The day an audience is looked at: windows are whole days of the hospital."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from store.clock import Clock


@dataclass(frozen=True, slots=True)
class Day:
    """`today` in the hospital's `zone`."""

    today: date
    zone: ZoneInfo

    @classmethod
    def of(cls, clock: Clock) -> Day:
        return cls(clock.local().date(), clock.zone)

    def ago(self, days: int) -> date:
        """So many days before today."""
        return self.today - timedelta(days=min(days, self.today.toordinal() - 1))

    def ahead(self, days: int) -> date:
        return self.today + timedelta(days=days)

    def begins(self, day: date) -> datetime:
        """The first moment of `day`."""
        return datetime.combine(day, time(), self.zone)

    def ends(self, day: date) -> datetime:
        """The first moment after `day`."""
        return self.begins(day + timedelta(days=1))

    def local(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()
