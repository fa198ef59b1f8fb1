"""The loop of a worker over leased rows: look, claim, start, and look again when there is reason to.

Whoever queues something calls `wake`; without that the loop looks every `poll` seconds, first by a cheap question. A claim costs
much the same for one row or ten. So while many are in hand it waits a moment for what is new, and under a backlog until a share
of the places is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

BUSY, GATHER = 3, 0.012
"""With so many in hand, wait so many seconds and claim together what came."""
SHARE = 4
"""Under a backlog one part in so many of the places is filled again by one claim."""
UPKEEP_EVERY = 5.0
"""Seconds between two rounds of upkeep."""
AFTER_FAILURE = 1.0
STOP_PATIENCE, DRAIN_PATIENCE = 5.0, 10.0

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Claimed(Generic[Item]):
    """What a claim brought. `more`: others may wait that there was no place for, so a place that becomes free is worth a look."""

    items: Sequence[Item]
    more: bool = False


class ClaimLoop(Generic[Item]):
    """At most `concurrency` items in hand, at most `batch` claimed at once.

    `due` is the cheap question, `claim(limit)` leases, `work` does one item and says whether another follows it that could not
    be claimed before. Under a backlog free places wait at most `patience` seconds to be filled together. `upkeep` runs every few
    seconds, before a claim. Failures are logged under `name` and end nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        due: Callable[[], Awaitable[bool]],
        claim: Callable[[int], Awaitable[Claimed[Item]]],
        work: Callable[[Item], Awaitable[bool]],
        concurrency: int,
        batch: int | None = None,
        upkeep: Callable[[], Awaitable[object]] | None = None,
        patience: float = GATHER,
    ) -> None:
        self._name = name
        self._due, self._claim_rows, self._work, self._upkeep = due, claim, work, upkeep
        self.concurrency = concurrency
        self._batch = min(batch or concurrency, concurrency)
        self._share = max(1, min(self._batch, concurrency // SHARE))
        self._patience = patience
        self._freed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[bool]] = set()
        self._woken = True
        self._more = False

    @property
    def in_hand(self) -> int:
        """Items claimed and not done."""
        return len(self._running)

    def wake(self) -> None:
        """Something was stored: look now, without asking first whether there is anything."""
        self._woken = True
        self._wake.set()

    async def run(self, poll: float = 0.5) -> None:
        """Work for ever."""
        loop = asyncio.get_running_loop()
        kept_up = loop.time() - UPKEEP_EVERY
        while True:
            try:
                if self._upkeep is not None and loop.time() - kept_up >= UPKEEP_EVERY:
                    await self._upkeep()
                    kept_up = loop.time()
                if await self._round():
                    continue
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception(f"{self._name}.loop_failed")
                await asyncio.sleep(AFTER_FAILURE)
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 a stop in the moment of a wake is lost on it (cpython issue 86296).
                async with asyncio.timeout(poll):
                    await self._wake.wait()
            free = self.concurrency - len(self._running)
            if self._woken and len(self._running) >= BUSY and free < self._batch:
                await asyncio.sleep(GATHER)
            self._wake.clear()

    async def _round(self) -> bool:
        """Claim and start; whether to look again at once, because only the size of a batch was in the way."""
        free = self.concurrency - len(self._running)
        self._forget_freed()
        if free <= 0:
            self._more = True
            return False
        limit = min(free, self._batch)
        claimed = await self._begin(limit)
        self._more = claimed.more or len(claimed.items) == limit
        if again := len(claimed.items) == limit < free:
            await asyncio.sleep(0)  # those just started come first
        return again

    async def _begin(self, limit: int) -> Claimed[Item]:
        """Claim and start up to `limit`. Stopped meanwhile, what was claimed is still done, not left until its lease ends."""

        async def begin() -> Claimed[Item]:
            claimed = await self.claim(limit)
            for item in claimed.items:
                task = asyncio.create_task(self._do(item))
                self._running.add(task)
                task.add_done_callback(self._done)
            return claimed

        claiming = asyncio.create_task(begin())
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.wait([claiming], timeout=STOP_PATIENCE)
            raise

    async def _do(self, item: Item) -> bool:
        return await self._work(item)

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error(f"{self._name}.task_failed", reason=type(error).__name__)
        if error is None and not task.cancelled() and task.result():
            self.wake()
        elif self._more:  # more may be waiting for the place that is free now
            self._freed += 1
            if self._freed >= self._share or len(self._running) < BUSY:
                self._wake.set()
            elif self._timer is None:
                self._timer = task.get_loop().call_later(self._patience, self._wake.set)

    def _forget_freed(self) -> None:
        self._freed = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def claim(self, limit: int) -> Claimed[Item]:
        """One claim; nothing is asked of the database but the cheap question, unless somebody called `wake`."""
        if not self._woken and not self._more and not await self._due():
            return Claimed(())
        self._woken = False
        return await self._claim_rows(limit)

    async def run_once(self) -> int:
        """Claim and do one round; how many items. For tests and commands."""
        claimed = await self.claim(self.concurrency)
        await asyncio.gather(*(self._work(item) for item in claimed.items))
        return len(claimed.items)

    async def drain(self) -> None:
        """Wait for what is in hand (at shutdown)."""
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_PATIENCE)
