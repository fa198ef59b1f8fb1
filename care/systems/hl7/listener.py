"""The door for MLLP: connections, their patience and their size. What a message is, it does not know."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from care.systems.hl7.framing import Frames, TooLarge, framed
from care.systems.hl7.message import Header, Unreadable, header
from care.systems.hl7.receiving import Receiver
from store.database import DatabaseUnavailable

log = structlog.get_logger(__name__)

PIECE = 65536
IDLE = 3600.0
"""Seconds a connection may be silent between two messages: interface engines keep theirs open for days and come again."""
PATIENCE = 30.0
"""Seconds a message that has begun may take to go on, and an answer to be read."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Door:
    """Where it listens. `peers`: networks that may speak, none: whoever reaches it. `largest`: bytes of a message."""

    host: str
    port: int
    peers: Sequence[Network] = ()
    tls: ssl.SSLContext | None = None
    largest: int = 2 * 1024 * 1024
    connections: int = 64


class Listener:
    """Answers each message in the order of its connection."""

    def __init__(self, door: Door, receiver: Receiver, *, patience: float = PATIENCE) -> None:
        self._door, self._receiver, self._patience = door, receiver, patience
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The real one, where 0 was asked for."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Raises `OSError` when the address is taken."""
        self._server = await asyncio.start_server(
            self._met, self._door.host, self._door.port, ssl=self._door.tls
        )
        log.info("hl7.listening", host=self._door.host, port=self.port, tls=self._door.tls is not None)

    async def stop(self) -> None:
        """Messages that were stored are answered yet, where that is quick."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._server.wait_closed()

    async def run(self) -> None:
        """Listen until cancelled; while another process has the address, try again: it may end."""
        try:
            while True:
                try:
                    await self.start()
                    break
                except OSError as error:
                    log.warning("hl7.address_taken", port=self._door.port, error=str(error))
                    await asyncio.sleep(10)
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = str((writer.get_extra_info("peername") or ("?",))[0])
        if len(self._open) >= self._door.connections or not self._welcome(peer):
            log.warning("hl7.turned_away", peer=peer, open=len(self._open))
            writer.close()
            return
        self._open.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            log.info("hl7.connection_lost", peer=peer)
        except DatabaseUnavailable:
            log.error("hl7.database_away", peer=peer)  # no answer: the sender keeps it and comes again
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("hl7.connection_failed", peer=peer)
        finally:
            self._open.discard(task)
            writer.close()

    def _welcome(self, peer: str) -> bool:
        if not self._door.peers:
            return True
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._door.peers)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames(self._door.largest)
        while True:
            try:
                async with asyncio.timeout(self._patience if frames.begun else IDLE):
                    piece = await reader.read(PIECE)
                blocks = frames.feed(piece)
            except (TimeoutError, TooLarge):
                if frames.too_large is None:
                    raise
                piece, blocks = b"", [frames.too_large]  # it did not end: answered all the same
            for block in blocks:
                if isinstance(block, TooLarge):
                    await self._say(writer, self._too_large(block.head))
                else:
                    await self._say(writer, await asyncio.shield(self._receiver.answer(block)))
            if not piece:
                return

    def _too_large(self, start: bytes) -> bytes:
        wrong = Unreadable(207, f"larger than {self._door.largest} bytes", rejected=True)
        head: Header | None
        try:
            head = header(start)
        except Unreadable:
            head = None
        return self._receiver.refusal(head, wrong)

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        async with asyncio.timeout(self._patience):
            writer.write(framed(answer))
            await writer.drain()
