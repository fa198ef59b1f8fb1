"""Counts what is due, a lease at a time, and makes the reports' files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import update

from content.insight import counted
from content.insight.figures.collecting import collect
from content.insight.figures.rows import Figures
from content.insight.models import InsightFigures
from content.insight.period import Period
from store.clock import Clock
from store.database import Database
from store.leases import claim, extend, release

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=10)
EVERY = 5.0
"""Seconds after which it looks for work of other processes' pages."""
TRIES = 3
Render = Callable[[Figures, Period, datetime], bytes]


class InsightWorker:
    """`render` makes a report's file of figures; it runs in a thread."""

    def __init__(self, database: Database, clock: Clock, render: Render) -> None:
        self._database, self._clock, self._render = database, clock, render
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Somebody asked for figures."""
        self._wake.set()

    async def run(self) -> None:
        """Count for ever."""
        while True:
            self._wake.clear()
            try:
                while await self.once():
                    pass
            except Exception:
                log.exception("insight.failed")
            try:
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def once(self) -> bool:
        """Count one that is due. False when none is."""
        now = self._clock.now()
        async with self._database.write("claim insight") as session:
            token, rows = await claim(session, InsightFigures, now=now, limit=1, lease=LEASE)
        if not rows:
            return False
        row = rows[0]
        period = Period(row.first_month, row.months, self._clock.zone, row.days)
        try:
            made = await collect(self._database, period, now, partial(self._step, token))
            values: dict[str, Any] = {"figures": made.to_json(), "as_of": now}
            if row.report:
                pdf = await asyncio.to_thread(self._render, made, period, now)
                values |= {"pdf": pdf, "pdf_size": len(pdf)}
        except Exception as error:
            log.exception("insight.count_failed", key=row.key, attempts=row.attempts)
            dead = type(error).__name__ if row.attempts >= TRIES else None
            values = {"due_at": now + timedelta(seconds=30), "dead_reason": dead, "step": 0}
        else:
            values |= {"due_at": None, "attempts": 0}
        async with self._database.write("insight done") as session:
            await release(session, InsightFigures, row.id, token, **values)
        return True

    async def _step(self, token: UUID, step: int) -> None:
        async with self._database.write("insight step") as session:
            await extend(session, InsightFigures, token, LEASE)
            await session.execute(
                update(InsightFigures).where(InsightFigures.lease_token == token).values(step=step)
            )

    async def last_month(self) -> None:
        """The report of the month before is made by itself, once."""
        now = self._clock.now()
        period = counted.last_month(self._clock.local().date(), self._clock.zone)
        async with self._database.write("insight report due") as session:
            await counted.report_due(session, period, now)
