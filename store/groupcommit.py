"""Many small writes, few commits: while one transaction is being written, the next ones gather and share the following one.

SQLite has one writer whatever we do; sharing its transactions is what makes the spine fast on it (and a synced disk
affordable). A unit of work that fails is taken out: its group is rolled back and each of the others runs again alone, so
units must be safe to run a second time (they only touch the session they are given).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

BUSY, GATHER = 0.006, 0.003
"""Seconds: when the last transaction ended less than `BUSY` ago, wait `GATHER` for others to share this one."""

T = TypeVar("T")
Work = Callable[[AsyncSession], Awaitable[T]]


class GroupCommit:
    """`begin` opens a writing session whose exit commits; at most `most` units share one."""

    def __init__(
        self, begin: Callable[[str], AbstractAsyncContextManager[AsyncSession]], most: int = 32
    ) -> None:
        self._begin = begin
        self._most = most
        self._waiting: list[tuple[Work[Any], str, asyncio.Future[Any]]] = []
        self._runner: asyncio.Task[None] | None = None
        self._ended = 0.0

    async def run(self, work: Work[T], doing: str) -> T:
        """Run `work` in a transaction; returns when it is committed, raises what `work` raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, doing, future))
        if self._runner is None or self._runner.done():
            # A context of its own: the caller may not hold a session, and this one must not look like the caller's.
            self._runner = loop.create_task(self._drain())
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if loop.time() - self._ended < BUSY:
                await asyncio.sleep(GATHER)
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                async with self._begin("+".join(sorted({doing for _, doing, _ in group}))) as session:
                    results = []
                    for work, _, _ in group:
                        results.append(await work(session))
                        await session.flush()
                self._ended = loop.time()
                for (_, _, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)
            except Exception as error:
                if len(group) == 1:
                    _fail(group[0][2], error)
                else:
                    for unit in group:
                        await self._alone(*unit)

    async def _alone(self, work: Work[Any], doing: str, future: asyncio.Future[Any]) -> None:
        try:
            async with self._begin(doing) as session:
                result = await work(session)
            if not future.done():
                future.set_result(result)
        except Exception as error:
            _fail(future, error)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
