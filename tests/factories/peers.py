"""Programs of others that tests speak to: Node packages of `tests/peers`, installed once and started as processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from web.build import find_node

HOME = Path(__file__).parents[1] / "peers"
PATIENCE = 60
"""Seconds a program may take to start or to say a line: limits, not expectations."""


@cache
def installed() -> tuple[str, ...]:
    """How to call Node, once the packages of the lock file are there."""
    node = find_node()
    lock = hashlib.sha256((HOME / "package-lock.json").read_bytes()).hexdigest()
    stamp = HOME / "node_modules" / ".lock.sha256"
    if not stamp.exists() or stamp.read_text() != lock:
        command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm ci in tests/peers: {done.stderr or done.stdout}"
        stamp.write_text(lock)
    return node.node


class Peer:
    """A running program: it reads lines and says lines of JSON."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def hear(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "the peer ended"
        return json.loads(line)

    async def say(self, what: Any) -> Any:
        """Tell it one thing and hear what it has to say to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.hear()


@asynccontextmanager
async def peer(script: str, *arguments: str) -> AsyncIterator[Peer]:
    node = await asyncio.to_thread(installed)
    process = await asyncio.create_subprocess_exec(
        *node, script, *arguments, cwd=HOME, stdin=PIPE, stdout=PIPE
    )
    try:
        yield Peer(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
