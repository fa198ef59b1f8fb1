"""Trains once a night, off the event loop, and scores what is to come."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.noshow import model, service
from store.clock import Clock
from store.database import Database

HOUR = 3
"""Local hour from which the night's training runs."""


class NoshowWorker:
    """`on`: whether the hospital wants it; off, scores that are there are taken away."""

    def __init__(self, database: Database, clock: Clock, *, on: bool) -> None:
        self._database, self._clock, self._on = database, clock, on

    async def nightly(self) -> bool:
        """Train unless it was done since last night's hour. Whether it did."""
        local = self._clock.local()
        async with self._database.read("noshow-latest") as session:
            last = await service.latest(session)
        if local.hour < HOUR or (
            last is not None and self._clock.local(last.trained_at).date() == local.date()
        ):
            return False
        await self.train()
        return True

    async def train(self) -> None:
        now = self._clock.now()
        async with self._database.read("noshow-history") as session:
            history = await service.history(session, now) if self._on else []
        fitted = await asyncio.to_thread(model.fit, history)

        async def work(session: AsyncSession) -> None:
            row = await service.keep(session, fitted, now)
            await service.score(session, row, now)

        await self._database.transact(work, "noshow-train")
