"""Calling the hospital back: repeated until answered rightly; delivery reports after a delay, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from channels.simulator.faults import Fault, Faults
from channels.simulator.sms_handsets import UpResult

RECEIPT_FAULTS = frozenset({"lost_receipt", "duplicate_receipt", "early_receipt", "failed_receipt"})
GATHER = 0.02
"""Seconds ripe reports wait for company; ours."""
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PushRules:
    """`retries`: seconds before each repetition; `accepted` judges status and body of an answer."""

    retries: tuple[float, ...]
    timeout: float
    accepted: Callable[[int, bytes], bool]


class Pusher:
    """Outgoing calls of all lines, and everything that runs beside a request."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], rules: PushRules) -> UpResult:
        """One callback, repeated until taken or given up."""
        deliveries = 0
        late = self._faults.take({"late_push"}, url) if self._faults else None
        twice = bool(self._faults and self._faults.take({"duplicate_push"}, url))
        if late is not None:
            await asyncio.sleep(late.seconds(1.0))
        for wait in (*rules.retries, None):
            deliveries += 1
            if await self._once(url, body, headers, rules):
                if twice:
                    await self._once(url, body, headers, rules)
                return UpResult("ok", deliveries)
            if wait is not None:
                await asyncio.sleep(wait)
        return UpResult("failed", deliveries)

    async def _once(self, url: str, body: bytes, headers: Mapping[str, str], rules: PushRules) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
            )
        timeout = aiohttp.ClientTimeout(total=rules.timeout)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as response:
                return rules.accepted(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def start(self, doing: Coroutine[Any, Any, Any] | Awaitable[Any]) -> asyncio.Task[Any]:
        """Runs something in the background."""

        async def run() -> Any:
            return await doing

        task: asyncio.Task[Any] = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None


class Reports:
    """One line's delivery reports. `send` posts a batch of at most `batch`."""

    def __init__(
        self,
        pusher: Pusher,
        faults: Faults,
        send: Callable[[list[Item]], Awaitable[Any]],
        *,
        delay: float,
        batch: int,
    ) -> None:
        self._pusher, self._faults, self._send = pusher, faults, send
        self._delay, self._batch = delay, batch
        self._ripe: list[Item] = []
        self._flush: asyncio.Task[Any] | None = None
        self._early: list[asyncio.Task[Any]] = []

    def fault(self) -> Fault | None:
        """What shall go wrong with the next report."""
        return self._faults.take(RECEIPT_FAULTS) if self._faults else None

    def add(self, item: Item, fault: Fault | None) -> None:
        """Schedules a report; `fault` as `fault()` gave it."""
        kind = fault.kind if fault else ""
        if kind == "lost_receipt":
            return
        if kind == "early_receipt":
            self._early.append(self._pusher.start(self._send([item])))
            return
        loop = asyncio.get_running_loop()
        for _ in range(2 if kind == "duplicate_receipt" else 1):
            loop.call_later(self._delay, self._ripened, item)

    async def early(self, most: float = 2.0) -> None:
        """Before the answer to the send: waits until reports that come early have arrived, `most` seconds at most."""
        waiting, self._early = self._early, []
        if waiting:
            await asyncio.wait(waiting, timeout=most)

    def clear(self) -> None:
        self._ripe.clear()

    def _ripened(self, item: Item) -> None:
        self._ripe.append(item)
        if self._flush is None or self._flush.done():
            self._flush = self._pusher.start(self._send_ripe())

    async def _send_ripe(self) -> None:
        await asyncio.sleep(GATHER)
        while self._ripe:
            batch, self._ripe[: self._batch] = self._ripe[: self._batch], []
            self._pusher.start(self._send(batch))


def numeric_answer(field: str) -> Callable[[int, bytes], bool]:
    """Accepts status 200 and a JSON object whose `field` is the number 0."""

    def accepted(status: int, body: bytes) -> bool:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        code = answer.get(field) if isinstance(answer, dict) else None
        return status == 200 and type(code) is int and code == 0

    return accepted
