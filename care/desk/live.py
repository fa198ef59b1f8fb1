"""What changed at the desk, told to every open page: one look at the database a process and half second, however many look on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from store.database import Database

log = structlog.get_logger(__name__)

EVERY = 0.5
"""Seconds between two looks."""

Look = Callable[[AsyncSession], Awaitable[object]]
"""Reads what a page shows, as something to be compared with the look before: counts, states, times."""


@dataclass(slots=True, eq=False)
class Listener:
    """One open page: what changed since it was last told."""

    changed: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float) -> list[str]:
        """What changed, in order, as soon as something does; nothing after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return []
        self.news.clear()
        changed = sorted(self.changed)
        self.changed.clear()
        return changed


class Live:
    """`looks`: what is looked at, by the event's name. `run` looks while somebody listens."""

    def __init__(self, database: Database, looks: Mapping[str, Look], every: float = EVERY) -> None:
        self._database = database
        self._looks = looks
        self._every = every
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()
        self._known: dict[str, object] = {}
        self._looked = 0.0

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """One more page that listens while the block runs."""
        listener = Listener()
        self._listeners.add(listener)
        self._wanted.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._wanted.clear()

    def well(self) -> bool:
        """Whether the database was really seen a moment ago: silence then means that nothing changed."""
        return time.monotonic() - self._looked < max(5.0, self._every * 4)

    async def run(self) -> None:
        """Look for ever. A failed look is logged once; its pages hear no heartbeat until one succeeds."""
        failing = False
        while True:
            await self._wanted.wait()
            try:
                await self.look()
                failing = False
            except Exception:
                if not failing:
                    log.exception("desk.look_failed")
                failing = True
            await asyncio.sleep(self._every)

    async def look(self) -> list[str]:
        """One look; what changed since the last one is told to everybody who listens."""
        async with self._database.read("desk live") as session:
            seen = {name: await look(session) for name, look in self._looks.items()}
        self._looked = time.monotonic()
        # A first look tells everything: what changed between a page's making and its listening would never be told else.
        changed = [
            name for name, what in seen.items() if name not in self._known or self._known[name] != what
        ]
        self._known = seen
        if changed:
            for listener in self._listeners:
                listener.changed.update(changed)
                listener.news.set()
        return changed
