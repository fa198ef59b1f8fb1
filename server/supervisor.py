"""Keeps the processes of one installation running: starts them, says so, restarts what crashes with backoff, stops all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the n-th restart in a row; a child that lived `STEADY` seconds starts over at the first."""
STEADY = 60.0
STOP_SECONDS = 12.0


@dataclass(slots=True)
class Child:
    """One process to keep. Its output goes to `log`."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    started: float = field(default=0.0)


class Supervisor:
    """`say` prints a line to whoever started us."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = list(children)
        self._stopping = asyncio.Event()
        self._watchers: list[asyncio.Task[None]] = []

    def say(self, line: str) -> None:
        print(line, flush=True)

    async def start(self) -> None:
        for child in self.children:
            await self._spawn(child)
            self._watchers.append(asyncio.create_task(self._watch(child)))

    async def run(self) -> None:
        """Until SIGINT or SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        await self._stopping.wait()
        self.say("\n… stopping")
        await self.stop()
        self.say("✓ everything is stopped")

    def request_stop(self) -> None:
        self._stopping.set()

    async def stop(self) -> None:
        """End every child: asked first, killed after `STOP_SECONDS`."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for child in reversed(self.children):
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if child.process is None:
                continue
            try:
                async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                    await child.process.wait()
            except TimeoutError:
                _signal(child, signal.SIGKILL)
                await child.process.wait()
            _signal(child, signal.SIGKILL)  # whatever it left in its group

    async def _spawn(self, child: Child) -> None:
        child.log.parent.mkdir(parents=True, exist_ok=True)
        child.started = time.monotonic()
        with child.log.open("ab") as out:
            child.process = await _exec(child, out)

    async def _watch(self, child: Child) -> None:
        while True:
            assert child.process is not None
            code = await child.process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - child.started > STEADY:
                child.restarts = 0
            delay = BACKOFF[min(child.restarts, len(BACKOFF) - 1)]
            child.restarts += 1
            self.say(
                f"! {child.name} ended (code {code}); starting it again in {delay:.0f} s. Its log: {child.log}"
            )
            await asyncio.sleep(delay)
            await self._spawn(child)
            self.say(f"✓ {child.name} is started again")


async def _exec(child: Child, out: IO[bytes]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *child.command,
        cwd=child.cwd,
        env=dict(child.env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
    """Linux: a killed supervisor takes its children with it (prctl PR_SET_PDEATHSIG)."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _signal(child: Child, number: int) -> None:
    if child.process is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
