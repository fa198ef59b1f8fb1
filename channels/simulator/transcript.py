"""What a patient's phone shows: the last messages of each address, and a live feed of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import orjson

from channels.chinatime import CHINA
from store.clock import Clock

Direction = Literal["in", "out", "system"]
Event = dict[str, Any]
"""`{"seq", "direction", "text", "menu": [{"id", "label"}], "at", "kind", "parts"}`.

`direction`: `in` is what the patient sent, `out` what the hospital sent, `system` what the phone itself
says. `kind`: `text`, `menu`, `event`, `image`… for `in`; `passive`, `custom`, `template`, `sms`, `error`
for `out`. `at` is ISO 8601, UTC+8. `seq` counts up over all addresses of one simulator.
"""


class Transcripts:
    """Kept in memory: `limit` events an address."""

    def __init__(self, clock: Clock, limit: int = 500) -> None:
        self._clock = clock
        self._limit = limit
        self._events: dict[str, deque[Event]] = {}
        self._listeners: dict[str, set[asyncio.Queue[Event]]] = {}
        self._seq = 0

    def add(
        self,
        address: str,
        direction: Direction,
        text: str,
        kind: str,
        menu: Sequence[dict[str, str]] = (),
        parts: int = 1,
    ) -> Event:
        """Appends one event and tells the listeners."""
        self._seq += 1
        event: Event = {
            "seq": self._seq,
            "direction": direction,
            "text": text,
            "menu": list(menu),
            "at": self._clock.now().astimezone(CHINA).isoformat(timespec="milliseconds"),
            "kind": kind,
            "parts": parts,
        }
        self._events.setdefault(address, deque(maxlen=self._limit)).append(event)
        for queue in self._listeners.get(address, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
        return event

    def read(self, address: str, after: int = 0) -> list[Event]:
        """The kept events of `address` with a higher `seq` than `after`, oldest first."""
        return [event for event in self._events.get(address, ()) if event["seq"] > after]

    def addresses(self) -> list[str]:
        return sorted(self._events)

    async def listen(self, address: str, after: int | None = None) -> AsyncIterator[Event]:
        """New events of `address` as they come; with `after`, first the kept ones above it."""
        queue: asyncio.Queue[Event] = asyncio.Queue(self._limit)
        listeners = self._listeners.setdefault(address, set())
        listeners.add(queue)
        try:
            for event in [] if after is None else self.read(address, after):
                yield event
            while True:
                yield await queue.get()
        finally:
            listeners.discard(queue)

    async def server_sent(self, address: str, after: int | None, beat: float = 15.0) -> AsyncIterator[bytes]:
        """The feed as server-sent events, with a comment every `beat` seconds so that it stays open."""
        feed = self.listen(address, after)
        pending: asyncio.Future[Event] | None = None
        try:
            yield b": ok\n\n"
            while True:
                pending = pending or asyncio.ensure_future(anext(feed))
                done, _ = await asyncio.wait({pending}, timeout=beat)
                if not done:
                    yield b": beat\n\n"
                    continue
                event, pending = pending.result(), None
                yield b"id: %d\ndata: %s\n\n" % (event["seq"], orjson.dumps(event))
        finally:
            if pending is not None:
                pending.cancel()

    def clear(self) -> None:
        self._events.clear()
