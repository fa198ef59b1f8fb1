"""Carries out what follows from outcomes, puts back what was left lying; sweeps for those lost to follow-up once a night."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from care.followup import calling, idle
from care.followup.calling import Redial
from care.followup.lost import Sweep
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 5.0
"""Seconds between two looks."""
HOUR, SWEEP_EVERY = 3, 60.0
"""From which hour of the night; seconds between two looks whether it is time."""


class FollowUpWorker:
    def __init__(self, database: Database, clock: Clock, redial: Redial) -> None:
        self._database, self._clock, self._redial = database, clock, redial

    async def run(self) -> None:
        await rounds("followup.failed", EVERY, self.once)

    async def once(self) -> int:
        """One look; how many outcomes were carried out and calls put back."""
        now = self._clock.now()

        async def settled(session: AsyncSession) -> int:
            done = await calling.settle(session, redial=self._redial, now=now)
            return done + await idle.release(session, now)

        async with self._database.read("outcomes due") as session:
            waiting = await calling.due(session, now) or await idle.any_idle(session, now)
        return await self._database.transact(settled, "call outcomes") if waiting else 0


class Nightly:
    """The sweep, once a local day, from `HOUR` on; begun anew after a restart, which changes nothing."""

    def __init__(self, clock: Clock, sweep: Sweep) -> None:
        self._clock, self._sweep = clock, sweep
        self._last: date | None = None

    async def run(self) -> None:
        await rounds("followup.sweep_failed", SWEEP_EVERY, self.once)

    async def once(self) -> bool:
        """Whether it was time."""
        local = self._clock.local()
        if local.hour < HOUR or self._last == local.date():
            return False
        await self._sweep.run()
        self._last = local.date()
        return True
