"""One logged-in connection to a gateway: login, window, link tests, requests and their answers."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from channels.sms.cmpp.account import CmppAccount
from channels.sms.cmpp.codec import (
    HEADER,
    VERSION,
    Answer,
    Command,
    Connect,
    ConnectResp,
    Frame,
    Malformed,
    Submit,
    authenticator,
    authenticator_ismg,
    decode_active_test_resp,
    read_header,
)
from store.clock import Clock

log = structlog.get_logger(__name__)

WINDOW_WAIT = 5.0
"""Seconds a message waits for a place in the window before it goes back to its queue."""
LATE_ANSWERS = 1024
"""Timed-out requests whose late answer is still recognised."""


class LoginRefused(Exception):
    """The gateway (or we: a wrong AuthenticatorISMG) refused the login; `status` is CONNECT_RESP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason} (status {status})")
        self.status = status


class NotSent(Exception):
    """The request never left: no line, or no place in the window."""


class Unanswered(Exception):
    """The request left and nothing came back: no answer in time, or the line was lost."""


@dataclass(slots=True)
class _Waiting:
    answer: asyncio.Future[Answer]
    late: Callable[[Answer], None]


class Link:
    """Opened with `open`, alive until `run` returns. `on_deliver` takes each DELIVER (sequence id and body) and must not block.

    A SUBMIT without an answer is never sent again, whatever the standard allows: `Unanswered`.
    """

    def __init__(
        self,
        account: CmppAccount,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_deliver: Callable[[Link, Frame], None],
    ) -> None:
        self._account = account
        self._reader, self._writer = reader, writer
        self._on_deliver = on_deliver
        self._window = asyncio.Semaphore(account.window)
        self._waiting: dict[int, _Waiting] = {}
        self._late: dict[int, Callable[[Answer], None]] = {}
        self._sequence = 0
        self._last_read = 0.0
        self._tested = asyncio.Event()
        self._misses = 0
        self.alive = True

    @classmethod
    async def open(
        cls, account: CmppAccount, clock: Clock, on_deliver: Callable[[Link, Frame], None]
    ) -> Link:
        """Connect and log in. Raises `LoginRefused`, `Malformed`, `OSError` or `TimeoutError`."""
        async with asyncio.timeout(account.connect_timeout):
            reader, writer = await asyncio.open_connection(account.host, account.port)
            link = cls(account, reader, writer, on_deliver)
            try:
                await link._login(clock)
            except BaseException:
                link.drop()
                raise
        return link

    async def _login(self, clock: Clock) -> None:
        stamp = int(clock.local().strftime("%m%d%H%M%S"))
        digest = authenticator(self._account.source_addr, self._account.secret, stamp)
        self._write(
            Frame(Command.CONNECT, self._next(), Connect(self._account.source_addr, digest, stamp).encode())
        )
        frame = await self._read()
        if frame is None or frame.command != Command.CONNECT_RESP:
            raise LoginRefused(-1, "the gateway did not answer the login")
        answer = ConnectResp.decode(frame.body)
        if answer.status != 0:
            raise LoginRefused(answer.status, "login refused")
        expected = authenticator_ismg(answer.status, digest, self._account.secret)
        if not hmac.compare_digest(answer.authenticator, expected):
            raise LoginRefused(0, "the gateway does not know the secret")
        if answer.version > VERSION:
            log.info("cmpp.version", account=self._account.account_id, version=answer.version)

    async def run(self) -> str:
        """Read until the line is lost; why it was."""
        self._last_read = asyncio.get_running_loop().time()
        heart = asyncio.create_task(self._beat())
        reason = "closed by the gateway"
        try:
            while (frame := await self._read()) is not None:
                if not self._take(frame):
                    reason = "terminated by the gateway"
                    break
        except Malformed as error:
            reason = f"malformed: {error}"
        except OSError as error:
            reason = type(error).__name__
        finally:
            heart.cancel()
            self.drop()
        return reason if self._misses < self._account.heartbeat_misses else "link tests unanswered"

    async def submit(self, pdu: Submit, late: Callable[[Answer], None]) -> Answer:
        """Send one part and wait for its answer. Raises `NotSent` or `Unanswered`; an answer after that goes to `late`."""
        try:
            async with asyncio.timeout(WINDOW_WAIT):
                await self._window.acquire()
        except TimeoutError:
            raise NotSent("window full") from None
        sequence = self._next()
        waiting = _Waiting(asyncio.get_running_loop().create_future(), late)
        try:
            if not self.alive or self._writer.is_closing():
                raise NotSent("not connected")
            self._waiting[sequence] = waiting
            self._write(Frame(Command.SUBMIT, sequence, pdu.encode()))
            async with asyncio.timeout(self._account.response_timeout):
                return await waiting.answer
        except TimeoutError:
            self._late[sequence] = late
            while len(self._late) > LATE_ANSWERS:
                del self._late[next(iter(self._late))]
            raise Unanswered("no SUBMIT_RESP in time") from None
        finally:
            self._waiting.pop(sequence, None)
            self._window.release()

    def answer_deliver(self, sequence: int, msg_id: int, result: int) -> None:
        """DELIVER_RESP, once what came is stored."""
        self._write(Frame(Command.DELIVER_RESP, sequence, Answer(msg_id, result).encode()))

    async def terminate(self) -> None:
        """Take leave: CMPP_TERMINATE, a moment for its answer, and the line is cut."""
        self._write(Frame(Command.TERMINATE, self._next()))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.drain()
        self.drop()

    def drop(self) -> None:
        """Cut the line; whoever waits gets `Unanswered`."""
        self.alive = False
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(Unanswered("connection lost"))

    async def _beat(self) -> None:
        """Test the idle line; after `heartbeat_misses` unanswered tests in a row it is dead."""
        account, loop = self._account, asyncio.get_running_loop()
        while True:
            idle = loop.time() - self._last_read
            if idle < account.heartbeat:
                await asyncio.sleep(account.heartbeat - idle)
                continue
            self._misses = 0
            while True:
                self._tested.clear()
                self._write(Frame(Command.ACTIVE_TEST, self._next()))
                try:
                    async with asyncio.timeout(account.heartbeat_timeout):
                        await self._tested.wait()
                    break
                except TimeoutError:
                    self._misses += 1
                    if self._misses >= account.heartbeat_misses:
                        self.drop()
                        self._writer.transport.abort()
                        return

    def _take(self, frame: Frame) -> bool:
        """One frame from the gateway; `False` ends the connection."""
        match frame.command:
            case Command.SUBMIT_RESP:
                self._settle(frame)
            case Command.DELIVER:
                self._on_deliver(self, frame)
            case Command.ACTIVE_TEST:
                self._write(Frame(Command.ACTIVE_TEST_RESP, frame.sequence, b"\0"))
            case Command.ACTIVE_TEST_RESP:
                decode_active_test_resp(frame.body)
            case Command.TERMINATE:
                self._write(Frame(Command.TERMINATE_RESP, frame.sequence))
                return False
            case Command.TERMINATE_RESP:
                return False
            case _:
                log.warning("cmpp.unexpected", account=self._account.account_id, command=hex(frame.command))
        return True

    def _settle(self, frame: Frame) -> None:
        answer = Answer.decode(frame.body)
        waiting = self._waiting.get(frame.sequence)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(answer)
        elif (late := self._late.pop(frame.sequence, None)) is not None:
            late(answer)

    def _next(self) -> int:
        """Sequence ids count up by one from 1 and begin again after 2^32 - 1."""
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        return self._sequence

    def _write(self, frame: Frame) -> None:
        if self.alive and not self._writer.is_closing():
            self._writer.write(frame.encode())

    async def _read(self) -> Frame | None:
        """The next frame; `None` when the gateway closed the line."""
        try:
            length, command, sequence = read_header(await self._reader.readexactly(HEADER.size))
            body = await self._reader.readexactly(length) if length else b""
        except asyncio.IncompleteReadError:
            return None
        self._last_read = asyncio.get_running_loop().time()
        self._misses = 0
        self._tested.set()
        return Frame(command, sequence, body)
