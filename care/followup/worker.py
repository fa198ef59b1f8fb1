"""Carries out what follows from outcomes, and sweeps for those lost to follow-up once a night."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from care.followup import calling
from care.followup.calling import Redial
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 5.0
"""Seconds between two looks."""


class FollowUpWorker:
    def __init__(self, database: Database, clock: Clock, redial: Redial) -> None:
        self._database, self._clock, self._redial = database, clock, redial

    async def run(self) -> None:
        await rounds("followup.failed", EVERY, self.once)

    async def once(self) -> int:
        """One look; how many outcomes were carried out."""
        now = self._clock.now()

        async def settled(session: AsyncSession) -> int:
            return await calling.settle(session, redial=self._redial, now=now)

        async with self._database.read("outcomes due") as session:
            waiting = await calling.due(session, now)
        return await self._database.transact(settled, "call outcomes") if waiting else 0
