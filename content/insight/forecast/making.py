"""All of the forecast at once, and keeping it for some minutes: it is the same for every reader."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.insight.forecast.ahead import Touches, touches
from content.insight.forecast.calls import Phone, phone
from content.insight.forecast.demand import WEEK
from content.insight.forecast.models import CallHours
from content.insight.forecast.outlook import Outlook
from content.insight.forecast.trying import MOST_WEEKS
from content.insight.forecast.visits import Department, clinics, outlook_of
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Made:
    """As of `at`; days are counted from `today` on."""

    at: datetime
    today: date
    touches: Touches
    phone: Phone
    departments: Sequence[tuple[Department, Outlook]]


class Making:
    """One forecast is made at a time; who comes meanwhile waits for it, or sees how far it is (`done` of `parts`)."""

    def __init__(self, database: Database, clock: Clock, minutes: float) -> None:
        self._database, self._clock, self._minutes = database, clock, minutes
        self._task: asyncio.Task[Made] | None = None
        self._made: Made | None = None
        self.done, self.parts, self.failed = 0, 1, False

    async def get(self, patience: float | None = None) -> Made | None:
        """The newest, waited for so many seconds. None: it takes longer, or has `failed`; then the next reader has it tried anew."""
        kept, now = self._made, self._clock.now()
        if kept and kept.today == self._clock.local(now).date() and abs(now - kept.at) < FRESH:
            return kept
        if self._task is None:
            self._task = asyncio.create_task(self._make())
        task = self._task
        await asyncio.wait({task}, timeout=patience)
        if not task.done():
            return None
        self._task = None
        if (error := task.exception()) is not None:
            log.error("forecast.failed", exc_info=error)
            self.failed = True
            return None
        self._made = task.result()
        return self._made

    def forget(self) -> None:
        """What it is made of has changed."""
        self._made = None

    async def _make(self) -> Made:
        now = self._clock.now()
        today, days, zone = self._clock.local(now).date(), MOST_WEEKS * WEEK, self._clock.zone
        self.done, self.parts, self.failed = 0, 1, False
        async with self._database.read("forecast clinics") as session:
            of = await clinics(session, today)
        self.done, self.parts = 1, len(of.departments) + 2
        async with self._database.read("forecast touches") as session:
            coming = await touches(session, today, days, zone, now)
            calls = await phone(session, today, days, zone, now, self._minutes)
        found = []
        for one in of.departments:
            self.done += 1
            found.append((one, await asyncio.to_thread(outlook_of, one, of)))
        return Made(now, today, coming, calls, found)


async def hours(session: AsyncSession) -> list[float]:
    """Hours for calls by weekday, Monday first; empty where nobody has said."""
    rows = await session.execute(select(CallHours.weekday, CallHours.hours))
    said: Mapping[int, float] = dict(rows.tuples().all())
    return [said.get(weekday, 0.0) for weekday in range(WEEK)] if said else []


async def set_hours(session: AsyncSession, given: Sequence[float]) -> None:
    """Seven of them, or none: then nobody has said."""
    await session.execute(delete(CallHours))
    if given:
        rows = [{"weekday": weekday, "hours": one} for weekday, one in enumerate(given)]
        await session.execute(insert(CallHours), rows)
