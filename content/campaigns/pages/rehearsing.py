"""Dry runs that may take longer than a request should: begun once, asked after until they are there.

A job belongs to this process; whoever asks another process has it begun there as well.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from uuid import UUID

from content.campaigns import dryrun
from content.campaigns.dryrun import DryRun, Rehearsal
from store.database import Database

KEPT = 60.0
"""Seconds a result is shown again, and after which one that failed is forgotten."""
Key = tuple[UUID, int]


@dataclass(slots=True)
class _Job:
    task: asyncio.Task[DryRun]
    begun: float = field(default_factory=time.monotonic)


class DryRuns:
    """The dry runs of one process's pages, one at a time: each looks at everybody."""

    def __init__(self, database: Database, rehearsal: Rehearsal) -> None:
        self._database, self._rehearsal = database, rehearsal
        self._jobs: dict[Key, _Job] = {}
        self._turn = asyncio.Lock()

    async def ask(
        self, campaign_id: UUID, version: int, patience: float, *, again: bool = False
    ) -> DryRun | float:
        """The result for that version of the campaign, or after `patience` seconds the seconds it has run. Raises what it raised.

        `again`: not one that was there before.
        """
        self._tidy()
        key = campaign_id, version
        job = self._jobs.get(key)
        if job is None or (again and job.task.done()):
            job = self._jobs[key] = _Job(asyncio.create_task(self._run(campaign_id)))
        done, _ = await asyncio.wait({job.task}, timeout=patience)
        if not done:
            return time.monotonic() - job.begun
        if job.task.cancelled() or job.task.exception() is not None:
            self._jobs.pop(key, None)
        return job.task.result()

    async def _run(self, campaign_id: UUID) -> DryRun:
        async with self._turn, self._database.read("campaign dry run") as session:
            return await dryrun.run(session, campaign_id, self._rehearsal)

    def _tidy(self) -> None:
        now = time.monotonic()
        for key, job in list(self._jobs.items()):
            if job.task.done() and now - job.begun > KEPT:
                del self._jobs[key]

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
