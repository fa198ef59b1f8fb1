"""One run: the clock jumps from one due moment to the next, and at each everything the house's workers would do is done."""

from __future__ import annotations

import asyncio
import time as stopwatch
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.slots import generate_slots
from care.plans import publishing
from care.plans.definition import Plan
from care.plans.machine.journal import Journal
from care.plans.machine.persona import Persona
from server.house import House
from server.templates import of_plan
from server.timemachine import beginning
from server.timemachine.beginning import Player
from server.timemachine.ground import Furniture, Ground
from server.timemachine.playing import Playing
from server.timemachine.reading import read_journal
from store.clock import VirtualClock
from store.database import Database

SIGNED = "time-machine"
"""Who signs a template in the scratch database, so that it runs there."""
MORNING = time(8)
SLOTS_EVERY = timedelta(days=7)
Progress = Callable[[int], None]
"""Hears which day is being played."""


class TimeMachine:
    """`house`: the installation played with; nothing of it is written to."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._ground = Ground(house.database)

    def close(self) -> None:
        self._ground.close()

    async def play(
        self,
        plan: Plan,
        personas: Sequence[Persona],
        *,
        anchor: date,
        days: int = 90,
        progress: Progress | None = None,
    ) -> Journal:
        """Play `plan` for `days` days from `anchor` for a cohort. The same every time for the same hospital.

        In a thread with a loop of its own: nobody who is served meanwhile waits for it.
        """
        begun = stopwatch.perf_counter()
        signed = replace(plan, signed_by=plan.signed_by or SIGNED)
        furniture = await self._ground.prepare(signed)
        hears = progress or (lambda day: None)

        def alone() -> Journal:
            return asyncio.run(self._play(signed, furniture, personas, anchor, days, hears))

        journal = await asyncio.to_thread(alone)
        return replace(journal, seconds=stopwatch.perf_counter() - begun)

    async def _play(
        self,
        plan: Plan,
        furniture: Furniture,
        personas: Sequence[Persona],
        anchor: date,
        days: int,
        progress: Progress,
    ) -> Journal:
        async with self._ground.database(furniture) as database:
            run = _Run(self._house, database, plan, anchor, days, progress)
            await run.open(personas)
            await run.play()
            return await read_journal(
                database, run.clock, plan, run.players, run.acting, run.phones, anchor, days
            )


class _Run(Playing):
    """One plan over a scratch database."""

    def __init__(
        self, house: House, database: Database, plan: Plan, anchor: date, days: int, progress: Progress
    ) -> None:
        said = house.catalogue.also(of_plan(plan, house.catalogue))  # a draft's words are not approved yet
        super().__init__(house, database, VirtualClock(zone=house.settings.time_zone), said)
        self.plan = plan
        self._start = datetime.combine(anchor, MORNING, self.clock.zone)
        self._end = self._start + timedelta(days=days)
        self.clock.freeze(self._start)
        self._progress = progress
        self._slots_until = self._start

    async def open(self, personas: Sequence[Persona]) -> None:
        """The hospital opens, the patients are there, and what the plan counts from happens."""
        now = self.clock.now()
        async with self.database.write("begin") as session:
            await publishing.publish(session, self.plan, None, now)
            for number, persona in enumerate(personas, 1):
                self.players.append(
                    await beginning.arrive(session, self.plan, persona, number, self.accounts, now)
                )
            for player in self.players:
                await beginning.happens(session, self.plan, player, self._start.date(), now)
        await self.begin(self._start, self._place_of)

    async def _place_of(self, session: AsyncSession, player: Player) -> UUID:
        return await beginning.department(session, self.plan)

    async def play(self) -> None:
        while True:
            self._progress((self.clock.local().date() - self._start.date()).days)
            await self.moment(self._open_clinics)
            following = await self.next()
            if following is None or following > self._end:
                return
            self.clock.freeze(max(following, self.clock.now() + timedelta(seconds=1)))

    async def _open_clinics(self) -> None:
        """Places of the weeks ahead, as the house makes them every hour."""
        if self.clock.now() < self._slots_until or not any(one.kind == "offer" for one in self.plan.steps):
            return
        async with self.database.write("slots") as session:
            await generate_slots(session, self.clock)
        self._slots_until = self.clock.now() + SLOTS_EVERY
