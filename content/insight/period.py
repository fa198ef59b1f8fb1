"""The months figures are asked for: whole months of the hospital, so that two periods never differ by a day's few people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, and_, case, literal

CHOICES = (1, 3, 12)
"""Months a page can look back."""
DAYS = (7, 14, 30)
"""Days within which somebody came back."""
USUAL_DAYS = 14


def months_before(month: date, count: int) -> date:
    """The first day of the month `count` months earlier."""
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """`count` months from `first` (a first of the month) on, in the hospital's zone; `days`: the window of coming back."""

    first: date
    count: int
    zone: ZoneInfo
    days: int = USUAL_DAYS

    @property
    def months(self) -> list[date]:
        return [months_before(self.first, -place) for place in range(self.count)]

    @property
    def after(self) -> date:
        """The first day that is not in it any more."""
        return months_before(self.first, -self.count)

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)

    def begins(self, day: date) -> datetime:
        """The first moment of `day`."""
        return datetime.combine(day, time(), self.zone)

    def holds(self, at: Any) -> ColumnElement[bool]:
        """Whether the moment lies in it."""
        return and_(at >= self.begins(self.first), at < self.begins(self.after))

    def month_of(self, at: Any) -> ColumnElement[int]:
        """Which of its months a moment lies in, from 0 on."""
        ends = [
            (at < self.begins(months_before(month, -1)), place) for place, month in enumerate(self.months)
        ]
        return case(*ends, else_=literal(self.count, Integer))

    def month_of_day(self, day: Any) -> ColumnElement[int]:
        """As `month_of`, for a day of the hospital."""
        ends = [(day < months_before(month, -1), place) for place, month in enumerate(self.months)]
        return case(*ends, else_=literal(self.count, Integer))

    @property
    def key(self) -> str:
        return f"{self.first:%Y-%m}+{self.count}/{self.days}"


def ending(month: date, count: int, zone: ZoneInfo, days: int = USUAL_DAYS) -> Period:
    """The `count` months of which `month` (any day of it) is the last."""
    return Period(months_before(month.replace(day=1), count - 1), count, zone, days)
