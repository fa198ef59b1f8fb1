"""Counts that may take longer than a request should: begun once, asked after until they are there.

A job belongs to this process. Whoever asks sends the rule again, so another process simply counts as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from care.patients.models import Patient
from content.audiences import service
from content.audiences.day import Day
from content.audiences.rules import Group, dump
from store.clock import Clock
from store.database import Database

KEPT = 30.0
"""Seconds a count is shown again for the same rule, and after which one nobody asks for is given up."""
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Counted:
    """`of`: patients in care. `sample`: some of them, as stored. `took`: seconds."""

    count: int
    of: int
    sample: Sequence[Patient]
    took: float


@dataclass(slots=True)
class _Job:
    task: asyncio.Task[Counted]
    begun: float
    asked: float = field(default_factory=time.monotonic)


class Counter:
    """Counts for the pages of one process, `AT_ONCE` at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._jobs: dict[str, _Job] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, rule: Group, patience: float) -> Counted | float:
        """The count, or after `patience` seconds the seconds it has run so far. Raises what the count raised."""
        self._tidy()
        day, now = Day.of(self._clock), time.monotonic()
        key = hashlib.sha256(orjson.dumps([dump(rule), day.today.isoformat()])).hexdigest()
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job(asyncio.create_task(self._count(rule, day, key)), now)
        job.asked = now
        done, _ = await asyncio.wait({job.task}, timeout=patience)
        if not done:
            return time.monotonic() - job.begun
        if job.task.cancelled() or job.task.exception() is not None:
            self._jobs.pop(key, None)
        return job.task.result()

    def _tidy(self) -> None:
        """Forget old results; give up what nobody asks for any more."""
        now = time.monotonic()
        for key, job in list(self._jobs.items()):
            if now - job.asked > KEPT or (job.task.done() and now - job.begun > KEPT):
                job.task.cancel()
                del self._jobs[key]

    async def _count(self, rule: Group, day: Day, key: str) -> Counted:
        async with self._turns:
            begun = time.monotonic()
            async with self._database.read("audience count") as session:
                count = await service.count(session, rule, day)
                of = await service.in_care(session)
                sample = await service.sample(session, rule, day, seed=key, share=count / max(1, of))
            return Counted(count, of, sample, time.monotonic() - begun)

    async def run(self) -> None:
        """Tidy up for ever; when this is stopped, everything under way is."""
        try:
            while True:
                await asyncio.sleep(KEPT)
                self._tidy()
        finally:
            tasks = [job.task for job in self._jobs.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._jobs.clear()
