"""Which days the hospital works: China's public holidays with 调休, and the hospital's own table over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.models import DayKind, HospitalDay
from language.when.holidays import Holidays
from store.database import insert_new

_AROUND = timedelta(days=40)
"""The longest run of days off (春节 with days of its own before and after) is far shorter; loaded on both sides."""


@dataclass(frozen=True, slots=True)
class Workdays:
    """Days of work and days off, looked up without the database.

    The State Council's notices are known through 2026 by `chinese_calendar`, 2027 as `data/language/holidays.yml` expects it; in later
    years every Monday to Friday is a day of work until somebody enters the notice. `own`: the hospital's rows, which win: a name for a
    day off, None for a day of work. `instead`: the weekday (0 is Monday) as which such a day of work is held.
    """

    own: Mapping[date, str | None] = field(default_factory=dict)
    instead: Mapping[date, int] = field(default_factory=dict)
    public: Holidays = field(default_factory=Holidays.load)

    def is_workday(self, day: date) -> bool:
        if day in self.own:
            return self.own[day] is None
        return self.public.is_workday(day)

    def holiday(self, day: date) -> str | None:
        """The Chinese name of the holiday, public or the hospital's own, that `day` is off for; None on plain weekends."""
        if day in self.own:
            return self.own[day]
        return None if self.public.is_workday(day) else self.public.name_of(day)

    def is_swapped(self, day: date) -> bool:
        """Whether `day` is a Saturday or Sunday worked for another day (调休)."""
        return day.weekday() >= 5 and self.is_workday(day)

    def weekday(self, day: date) -> int:
        """The weekday whose clinics are held on `day`, 0 is Monday: its own, or the one it is worked as."""
        return self.instead.get(day, day.weekday())

    def next_workday(self, day: date) -> date:
        """`day` itself if it is one, else the first after it."""
        return self._walk(day, timedelta(days=1))

    def previous_workday(self, day: date) -> date:
        """`day` itself if it is one, else the last before it."""
        return self._walk(day, timedelta(days=-1))

    def _walk(self, day: date, step: timedelta) -> date:
        while not self.is_workday(day):
            day += step
        return day


async def workdays(session: AsyncSession, first: date, last: date) -> Workdays:
    """The days from `first` to `last`, both included, and forty around them for `next_workday` and `previous_workday`."""
    near = HospitalDay.day.between(first - _AROUND, last + _AROUND)
    rows = (await session.scalars(select(HospitalDay).where(near))).all()
    return Workdays(
        {row.day: row.name if row.kind == DayKind.OFF else None for row in rows},
        {row.day: row.as_weekday for row in rows if row.as_weekday is not None},
    )


async def own_days(session: AsyncSession, first: date) -> list[HospitalDay]:
    """The hospital's own rows from `first` on, by date."""
    query = select(HospitalDay).where(HospitalDay.day >= first).order_by(HospitalDay.day)
    return list(await session.scalars(query.execution_options(populate_existing=True)))


async def set_day(
    session: AsyncSession, day: date, kind: DayKind, name: str, as_weekday: int | None = None
) -> None:
    """Enter or change one day of the hospital's table. `name` (at most 40 characters) is how a day off is called."""
    await clear_day(session, day)
    row = {"day": day, "kind": kind.value, "name": name[:40], "as_weekday": as_weekday}
    await insert_new(session, HospitalDay, row)


async def clear_day(session: AsyncSession, day: date) -> bool:
    """Back to the public calendar. False when there was no row."""
    gone = await session.execute(delete(HospitalDay).where(HospitalDay.day == day).returning(HospitalDay.day))
    return gone.first() is not None
