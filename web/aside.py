"""Work for a page that may take longer than a request should: begun once, asked after until it is there.

A job belongs to this process. Whoever asks another process has it begun there as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Job(Generic[T]):
    task: asyncio.Task[T]
    begun: float = field(default_factory=time.monotonic)
    asked: float = field(default_factory=time.monotonic)


class Aside(Generic[T]):
    """Jobs by key, `at_once` at a time. A result is shown again for `kept` seconds; what nobody asks for as long is given up."""

    def __init__(self, kept: float, at_once: int) -> None:
        self._kept = kept
        self._jobs: dict[Hashable, _Job[T]] = {}
        self._turns = asyncio.Semaphore(at_once)

    async def ask(
        self, key: Hashable, work: Callable[[], Awaitable[T]], patience: float, *, again: bool = False
    ) -> T | float:
        """The result for `key`, or after `patience` seconds the seconds it has run so far. Raises what the work raised.

        `again`: not a result that was there before.
        """
        self._tidy()
        job = self._jobs.get(key)
        if job is None or (again and job.task.done()):
            job = self._jobs[key] = _Job(asyncio.create_task(self._do(work)))
        job.asked = time.monotonic()
        done, _ = await asyncio.wait({job.task}, timeout=patience)
        if not done:
            return time.monotonic() - job.begun
        if job.task.cancelled() or job.task.exception() is not None:
            self._jobs.pop(key, None)
        return job.task.result()

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._turns:
            return await work()

    def _tidy(self) -> None:
        """Forget old results; give up what nobody asks for any more."""
        now = time.monotonic()
        for key, job in list(self._jobs.items()):
            if now - job.asked > self._kept or (job.task.done() and now - job.begun > self._kept):
                job.task.cancel()
                del self._jobs[key]

    async def run(self) -> None:
        """Tidy up for ever; when this is stopped, everything under way is."""
        try:
            while True:
                await asyncio.sleep(self._kept)
                self._tidy()
        finally:
            tasks = [job.task for job in self._jobs.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._jobs.clear()
