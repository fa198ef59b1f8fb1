"""A process's background work: jobs that run beside the servers until the process ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

Job = Callable[[], Coroutine[Any, Any, None]]
"""Runs for ever (`store.rounds`, or a worker's `run`); it is cancelled at the end."""


@dataclass(slots=True)
class Work:
    """`everywhere` runs in each process, `workers` only where `BANYI_WORKERS` is on. Whoever adds a subject adds its jobs."""

    everywhere: list[Job] = field(default_factory=list)
    workers: list[Job] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, *, with_workers: bool) -> None:
        jobs = self.everywhere + (self.workers if with_workers else [])
        self._tasks = [asyncio.create_task(job()) for job in jobs]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
