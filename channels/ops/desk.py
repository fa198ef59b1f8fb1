"""What the pages need from the house, and the small memory that lets many viewers share one look at the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from channels.ops.ports import AccountWatch, Explain, MayRead, NoticeFacts, Settled
from channels.wording.catalogue import Catalogue
from store.clock import Clock
from store.database import Database

T = TypeVar("T")
REST = 20.0
"""A look is repeated after so many times its own length at the earliest: the page never costs more than a twentieth."""


class Remembered:
    """The last answer to each question, for `seconds`, or longer where it took long to find out."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def get(self, key: Hashable, find: Callable[[], Awaitable[T]], times: float = 1.0) -> T:
        """What `find` says, or said not long ago (`times` as long as usual)."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            until, answer = self._known.get(key, (0.0, None))
            if time.monotonic() < until:
                known: T = answer
                return known
            began = time.monotonic()
            found = await find()
            ended = time.monotonic()
            lasts = max(self._seconds * times, (ended - began) * REST) if self._seconds else 0.0
            self._known[key] = (ended + lasts, found)
            return found

    def forget(self) -> None:
        """Somebody changed something: look again."""
        self._known.clear()


@dataclass(frozen=True, slots=True)
class OpsHouse:
    """What the server hands in. `spool_waiting` counts callbacks that are not in the database yet; `wake` tells the delivery
    that something may go out now, `sync_templates` asks the vendors how the reviews stand. `silence` is how long without a
    push is looked at twice."""

    database: Database
    clock: Clock
    catalogue: Catalogue
    accounts: AccountWatch
    spool_waiting: Callable[[], int]
    wake: Callable[[], None]
    sync_templates: Callable[[], Awaitable[None]]
    notices: Callable[[], Sequence[NoticeFacts]]
    may_read: MayRead
    explain: Explain | None = None
    settled: Settled | None = None
    silence: timedelta = timedelta(minutes=30)
    remembered: Remembered = field(default_factory=lambda: Remembered(2.0))
