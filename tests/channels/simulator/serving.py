"""Runs an app on a real TCP port inside the test's own loop, and stands in for the house behind the adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from channels.ports import Accepted, ChannelName, Inbound, Receipt, Rendered, StorageUnavailable


@asynccontextmanager
async def serve(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """`http://127.0.0.1:<port>` of `app` while the block runs."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", lifespan="on", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    bound = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.should_exit = True
        await task


@dataclass
class House:
    """Both sinks in memory: duplicates by vendor key, an optional passive reply, an optional outage."""

    messages: list[Inbound] = field(default_factory=list)
    repeats: int = 0
    quarantined: list[tuple[ChannelName, str, bytes, str]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    foreign: list[Receipt] = field(default_factory=list)
    reply: Callable[[Inbound], Rendered | None] = lambda message: None
    away: bool = False
    broken: bool = False
    delay: float = 0.0

    async def accept(self, messages: list[Inbound]) -> list[Accepted]:
        await asyncio.sleep(self.delay)
        self._check()
        answers = []
        for message in messages:
            duplicate = any(known.vendor_key == message.vendor_key for known in self.messages)
            self.repeats += duplicate
            if not duplicate:
                self.messages.append(message)
            answers.append(Accepted("id", duplicate, self.reply(message)))
        return answers

    async def quarantine(self, channel: ChannelName, account_id: str, body: bytes, reason: str) -> None:
        self._check()
        self.quarantined.append((channel, account_id, body, reason))

    async def record(self, receipts: list[Receipt]) -> list[Receipt]:
        self._check()
        self.receipts.extend(receipt for receipt in receipts if receipt not in self.foreign)
        return [receipt for receipt in receipts if receipt in self.foreign]

    def _check(self) -> None:
        if self.away:
            raise StorageUnavailable("both away")
        if self.broken:
            raise RuntimeError("secret detail")


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Waits until `condition` holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
