"""A virus scanner's port, and clamd's protocol: https://linux.die.net/man/8/clamd (command INSTREAM).

Without `BANYI_CLAMD` nothing is scanned: media are then only size-limited, sniffed and sealed, and never executed or served
under a type of their own choosing.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol

CHUNK = 64 * 1024
TIMEOUT = 30.0
"""Seconds for one scan, connecting included."""


class ScanFailed(RuntimeError):
    """The scanner could not say; the medium is tried again later and not kept meanwhile."""


class VirusScan(Protocol):
    async def scan(self, content: bytes) -> str | None:
        """The name of what was found, or None for clean. Raises `ScanFailed`."""
        ...


class Clamd:
    """Implements `VirusScan` over clamd. `address`: `host:port`, or `unix:/path/of/the/socket`."""

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        self._address = address
        self._timeout = timeout

    async def scan(self, content: bytes) -> str | None:
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScanFailed(type(error).__name__) from error
        said = answer.removeprefix("stream:").strip()
        if said == "OK":
            return None
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND")[:100]
        raise ScanFailed(said[:100] or "no answer")

    async def _ask(self, content: bytes) -> str:
        reader, writer = await self._open()
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(content), CHUNK):
                piece = content[start : start + CHUNK]
                writer.write(struct.pack("!I", len(piece)) + piece)
                await writer.drain()
            writer.write(struct.pack("!I", 0))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace")
        finally:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("unix:"):
            return await asyncio.open_unix_connection(self._address.removeprefix("unix:"))
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host, int(port))
