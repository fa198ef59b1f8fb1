"""Saying a message and waiting for its answer: one connection, one message at a time, as MLLP has it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

from care.systems.hl7.framing import Frames, TooLarge, framed
from care.systems.hl7.message import Unreadable, decoded, header, parsed

LARGEST_ANSWER = 256 * 1024
TAKEN = frozenset({"AA", "CA"})


class NotHeard(ConnectionError):
    """There was no connection: the peer has certainly not got the message."""


class NoAnswer(ConnectionError):
    """It was said, and no answer came: the peer may have got it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`code`: MSA-1 (`AA`, `AE`, `AR`; `CA`…). `error`: ERR-3 or 0. `says`: the peer's own words."""

    code: str
    error: int
    says: str

    @property
    def taken(self) -> bool:
        return self.code in TAKEN


class Line:
    """A connection that is opened when something is to be said, and kept. `timeout`: seconds for each step. `once`: not kept, for peers
    that take one message a connection (node-hl7-server is one)."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = 30.0,
        once: bool = False,
    ) -> None:
        self._once = once
        self._host, self._port, self._tls, self._timeout = host, port, tls, timeout
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def say(self, message: bytes, control_id: str) -> Answer:
        """Raises `NotHeard`, `NoAnswer`."""
        async with self._turn:
            reader, writer = await self._connected()
            try:
                async with asyncio.timeout(self._timeout):
                    writer.write(framed(message))
                    await writer.drain()
                    answer = await _answer(reader, control_id)
            except (OSError, TimeoutError, EOFError, ValueError, ssl.SSLError) as error:
                await self.close()
                raise NoAnswer(str(error) or type(error).__name__) from error
            except BaseException:
                await self.close()  # an answer on its way would be taken for the next one's
                raise
            if self._once:
                await self.close()
            return answer

    async def open(self) -> None:
        """Raises `NotHeard`."""
        async with self._turn:
            await self._connected()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            await self.close()
        if self._streams is None:
            try:
                async with asyncio.timeout(self._timeout):
                    self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            except (OSError, TimeoutError, ssl.SSLError) as error:
                raise NotHeard(str(error) or type(error).__name__) from error
        return self._streams

    async def close(self) -> None:
        if self._streams is None:
            return
        _, writer = self._streams
        self._streams = None
        writer.close()
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(2):
                await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, control_id: str) -> Answer:
    frames = Frames(LARGEST_ANSWER)
    while True:
        piece = await reader.read(65536)
        if not piece:
            raise EOFError("the connection was closed without an answer")
        for block in frames.feed(piece):
            if isinstance(block, TooLarge):
                raise block
            found = _read(block, control_id)
            if found is not None:
                return found


def _read(block: bytes, control_id: str) -> Answer | None:
    """None: the answer to something said before, on a connection that was given up."""
    try:
        head = header(block)
        message = parsed(decoded(block, head, whatever=True)[0])
        msa = message.needed("MSA")
    except Unreadable as error:
        raise ValueError(f"an answer that cannot be read: {error}") from error
    if msa.get(2) and msa.get(2) != control_id:
        return None
    err = message.first("ERR")
    number = (err.get(3) or err.get(1, 4)) if err is not None else ""
    number = number or msa.get(6)  # where versions before 2.5 have it: MSA-6, ERR-1.4
    says = (err.get(8) or err.get(7) or err.get(3, 2)) if err is not None else ""
    return Answer(msa.get(1).upper(), int(number) if number.isdigit() else 0, says or msa.get(3))
