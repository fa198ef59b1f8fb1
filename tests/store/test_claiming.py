"""The loop under the workers: it looks when there is reason to, takes no more than it may, and a stop loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from store import claiming
from store.claiming import Claimed, ClaimLoop


class Queue:
    """Numbers in a list; `asked` is how often the cheap question was put, `claims` the limits of the claims."""

    def __init__(self, count: int = 0) -> None:
        self.waiting = list(range(count))
        self.asked = 0
        self.claims: list[int] = []
        self.done: list[int] = []
        self.most = self.busy = 0
        self.gate: asyncio.Event | None = None
        self.fails: set[int] = set()
        self.follows: set[int] = set()

    async def due(self) -> bool:
        self.asked += 1
        return bool(self.waiting)

    async def claim(self, limit: int) -> Claimed[int]:
        self.claims.append(limit)
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return Claimed(taken)

    async def work(self, item: int) -> bool:
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await (self.gate.wait() if self.gate is not None else asyncio.sleep(0))
        finally:
            self.busy -= 1
        if item in self.fails:
            raise RuntimeError(str(item))
        self.done.append(item)
        return item in self.follows

    def loop(self, concurrency: int = 4, batch: int | None = None, **values: object) -> ClaimLoop[int]:
        return ClaimLoop(
            "test",
            due=self.due,
            claim=self.claim,
            work=self.work,
            concurrency=concurrency,
            batch=batch,
            **values,  # type: ignore[arg-type]
        )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def running(loop: ClaimLoop[int], do: Callable[[], Awaitable[None]], poll: float = 30) -> None:
    task = asyncio.create_task(loop.run(poll))
    try:
        await do()
    finally:
        await stopped(task)
        await loop.drain()


async def test_everything_is_done_and_never_more_at_once_than_may_be() -> None:
    queue = Queue(23)
    await running(queue.loop(4), lambda: until(lambda: len(queue.done) == 23))
    assert sorted(queue.done) == list(range(23))
    assert queue.most <= 4


async def test_a_batch_is_smaller_than_what_may_be_in_hand_and_the_next_follows_at_once() -> None:
    queue = Queue(20)
    queue.gate = asyncio.Event()
    loop = queue.loop(16, batch=5)

    async def look() -> None:
        await until(lambda: queue.busy == 16)
        assert loop.in_hand == 16
        assert max(queue.claims) == 5
        assert queue.gate is not None
        queue.gate.set()
        await until(lambda: len(queue.done) == 20)

    await running(loop, look)


async def test_without_a_wake_the_cheap_question_comes_first() -> None:
    queue = Queue()
    loop = queue.loop()
    assert await loop.run_once() == 0  # the first look of all is a claim
    assert (queue.asked, len(queue.claims)) == (0, 1)
    assert await loop.run_once() == 0
    assert (queue.asked, len(queue.claims)) == (1, 1)
    queue.waiting = [7]
    assert await loop.run_once() == 1
    assert (queue.asked, len(queue.claims)) == (2, 2)
    loop.wake()
    assert await loop.run_once() == 0
    assert (queue.asked, len(queue.claims)) == (2, 3)


async def test_a_stop_is_heard_in_the_moment_of_a_wake() -> None:
    loop = Queue().loop()
    task = asyncio.create_task(loop.run(30))
    await until(lambda: bool(loop._wake._waiters))
    loop.wake()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    assert done and task.cancelled()


async def test_a_wake_is_heard_at_once() -> None:
    queue = Queue()
    loop = queue.loop()

    async def late() -> None:
        await until(lambda: len(queue.claims) == 1)
        queue.waiting = [1]
        loop.wake()
        await until(lambda: queue.done == [1])

    await running(loop, late)


async def one_by_one(
    queue: Queue, patience: float, do: Callable[[Waiting, ClaimLoop[int]], Awaitable[None]]
) -> None:
    """A backlog of 30, eight places, a new claim worth while for two of them."""
    waiting = Waiting(queue)
    loop = queue.loop(8, patience=patience)

    async def look() -> None:
        await until(lambda: len(waiting.ends) == 8)
        await do(waiting, loop)
        waiting.free()

    await running(loop, look)


class Waiting:
    """Makes each item of `queue` wait for its own end."""

    def __init__(self, queue: Queue) -> None:
        self.ends: dict[int, asyncio.Event] = {}
        self._work = queue.work
        self._free = False
        queue.work = self.work  # type: ignore[method-assign]

    async def work(self, item: int) -> bool:
        if not self._free:
            self.ends[item] = asyncio.Event()
            await self.ends[item].wait()
        return await self._work(item)

    def free(self) -> None:
        self._free = True
        for end in self.ends.values():
            end.set()


async def test_under_a_backlog_places_are_filled_together() -> None:
    queue = Queue(30)

    async def do(waiting: Waiting, loop: ClaimLoop[int]) -> None:
        before = len(queue.claims)
        waiting.ends[0].set()
        await until(lambda: queue.done == [0])
        await asyncio.sleep(0.05)
        assert len(queue.claims) == before
        waiting.ends[1].set()
        await until(lambda: len(waiting.ends) == 10)
        assert queue.claims[before:] == [2]

    await one_by_one(queue, 30, do)


async def test_a_free_place_waits_no_longer_than_its_patience() -> None:
    queue = Queue(30)

    async def do(waiting: Waiting, loop: ClaimLoop[int]) -> None:
        waiting.ends[0].set()
        await until(lambda: len(waiting.ends) == 9)
        assert queue.claims[-1] == 1

    await one_by_one(queue, 0.01, do)


async def test_what_is_new_does_not_wait_for_places_of_the_backlog() -> None:
    queue = Queue(30)

    async def do(waiting: Waiting, loop: ClaimLoop[int]) -> None:
        waiting.ends[0].set()
        await until(lambda: queue.done == [0])
        loop.wake()
        await until(lambda: len(waiting.ends) == 9)

    await one_by_one(queue, 30, do)


async def test_what_follows_an_item_is_looked_for_when_it_is_done() -> None:
    queue = Queue(1)
    queue.gate, queue.follows = asyncio.Event(), {0}
    loop = queue.loop()

    async def follow() -> None:
        await until(lambda: queue.busy == 1)
        queue.waiting = [5]
        assert queue.gate is not None
        queue.gate.set()
        await until(lambda: queue.done == [0, 5])

    await running(loop, follow)


async def test_one_that_fails_harms_no_other() -> None:
    queue = Queue(6)
    queue.fails = {1, 4}
    await running(queue.loop(2), lambda: until(lambda: len(queue.done) == 4))
    assert sorted(queue.done) == [0, 2, 3, 5]


async def test_a_claim_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "AFTER_FAILURE", 0.01)
    queue = Queue(2)
    real, failures = queue.claim, [1]

    async def claim(limit: int) -> Claimed[int]:
        if failures:
            failures.pop()
            raise OSError("away")
        return await real(limit)

    queue.claim = claim  # type: ignore[method-assign]
    await running(queue.loop(), lambda: until(lambda: len(queue.done) == 2), poll=0.01)


async def test_a_stop_during_a_claim_still_does_what_was_claimed() -> None:
    queue = Queue(3)
    real, claimed = queue.claim, asyncio.Event()

    async def slow(limit: int) -> Claimed[int]:
        found = await real(limit)
        claimed.set()
        await asyncio.sleep(0.05)
        return found

    queue.claim = slow  # type: ignore[method-assign]
    loop = queue.loop()
    task = asyncio.create_task(loop.run(30))
    await claimed.wait()
    await stopped(task)
    await loop.drain()
    assert sorted(queue.done) == [0, 1, 2]


async def test_upkeep_comes_first_and_its_failure_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "AFTER_FAILURE", 0.01)
    queue, calls = Queue(1), []

    async def upkeep() -> None:
        calls.append(len(queue.done))
        if len(calls) == 1:
            raise OSError("away")

    loop = queue.loop(upkeep=upkeep)
    await running(loop, lambda: until(lambda: len(queue.done) == 1), poll=0.01)
    assert calls[:2] == [0, 0]
