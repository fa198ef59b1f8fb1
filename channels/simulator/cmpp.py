"""A stand-in for a carrier's short-message gateway: CMPP 3.0 over TCP, handsets in memory.

sim = CmppSimulator(SimCmppConfig())
port = await sim.start()
await sim.user_text("+8613800138000", "1")
await sim.close()

The standard's rules are kept: login and its digest, window, flow control, reports after a delay, deliveries repeated until they
are acknowledged. Rates and delays are configuration: each carrier sets its own.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from channels.chinatime import CHINA
from channels.simulator import cmpp_wire as wire
from channels.simulator.faults import Fault, Faults
from channels.simulator.sms import UpResult
from channels.simulator.transcript import Event, Transcripts
from channels.sms.numbers import to_e164
from store.clock import VirtualClock

log = logging.getLogger(__name__)

SUBMIT_FAULTS = frozenset(
    {"hang_after", "hang_before", "slow", "errcode", "drop_before", "drop_after", "wrong_length"}
)
RECEIPT_FAULTS = frozenset({"lost_receipt", "duplicate_receipt", "early_receipt", "failed_receipt"})
TICK = 0.01
"""Real seconds between two looks at the virtual clock."""
BOOKED = 100_000


@dataclass(frozen=True, slots=True)
class SimCmppConfig:
    """One simulated login. The secret is for demonstration only."""

    source_addr: str = "900001"
    secret: str = field(default="888888", repr=False)
    service_id: str = "HOSPITAL"
    src_id: str = "1069018812"
    window: int = 16
    """SUBMITs without an answer at a time; more get result 8. The standard's W."""
    rate: int = 0
    """SUBMITs a second; more get result 8; 0 is no limit. Contracts say 50 to 500 [M]."""
    max_connections: int = 1
    """Lines at a time for the login [M: by contract]; one more is refused with status 5."""
    receipt_delay: float = 0.5
    """Virtual seconds from a part's acceptance to its report."""
    resend_after: float = 60.0
    """Virtual seconds after which an unacknowledged DELIVER is sent again: the standard's T."""
    resend_times: int = 3
    """Deliveries of one message in all: the standard's N."""
    heartbeat: float = 0.0
    """Real seconds between the gateway's own link tests; 0 is none."""
    transcript_events: int = 500


@dataclass(frozen=True, slots=True)
class SimSent:
    """One accepted part, as the gateway booked it. `number` is E.164."""

    number: str
    msg_id: int
    place: tuple[int, int, int] | None
    content: bytes
    at: datetime


@dataclass(slots=True, eq=False)
class _Delivery:
    """A DELIVER on its way: sent until it is acknowledged or given up."""

    body: bytes
    done: asyncio.Future[bool]
    tries: int = 0
    again_at: float = 0.0


@dataclass(slots=True, eq=False)
class _Line:
    """One connection."""

    writer: asyncio.StreamWriter
    logged_in: bool = False
    unanswered: int = 0
    sequence: int = 0
    waiting: dict[int, _Delivery] = field(default_factory=dict)


class CmppSimulator:
    """The gateway and the handsets behind it. Numbers are E.164 here."""

    def __init__(
        self, config: SimCmppConfig, clock: VirtualClock | None = None, transcripts: Transcripts | None = None
    ) -> None:
        self.config = config
        self.clock = clock or VirtualClock()
        self.faults = Faults()
        self.transcripts = transcripts or Transcripts(self.clock, config.transcript_events)
        self.accepted: deque[SimSent] = deque(maxlen=BOOKED)
        self.acknowledged: deque[tuple[int, int]] = deque(maxlen=BOOKED)
        """Every DELIVER_RESP: message id and result."""
        self.link_tests = 0
        """ACTIVE_TESTs that came in."""
        self.answers_link_tests = True
        self.blacklist: set[str] = set()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._outgoing: deque[_Delivery] = deque()
        self._order = itertools.count()
        self._ids = 0
        self._reference = 0
        self._parts: OrderedDict[tuple[str, int, int], dict[int, str]] = OrderedDict()
        self._second: tuple[int, int] = (0, 0)
        self._delivered = self._failed = self._upward = 0

    # -- the patient

    async def user_text(self, number: str, text: str, fmt: int = 8) -> UpResult:
        """Answers by SMS; returns once every part is acknowledged or given up. `fmt`: 8 UCS-2, 15 GBK, 0 ASCII."""
        address = to_e164(number)
        if address is None:
            raise ValueError("no telephone number")
        self.transcripts.add(address, "in", text, "text")
        self._upward += 1
        raw = text.encode({0: "ascii", 15: "gb18030"}.get(fmt, "utf-16-be"))
        single = 159 if fmt == 0 else 140
        pieces = [raw] if len(raw) <= single else [raw[at : at + 134] for at in range(0, len(raw), 134)]
        self._reference = (self._reference + 1) % 256
        waiting = []
        for count, piece in enumerate(pieces, 1):
            head = bytes((5, 0, 3, self._reference, len(pieces), count)) if len(pieces) > 1 else b""
            body = wire.deliver(
                self._new_id(), self.config.src_id, _phone(address), head + piece, fmt,
                udhi=bool(head), report=False,
            )  # fmt: skip
            waiting.append(self.deliver(body))
        results = [await one.done for one in waiting]
        return UpResult("ok" if all(results) else "failed", max(one.tries for one in waiting))

    def deliver(self, body: bytes) -> _Delivery:
        """Queue a DELIVER with this body."""
        delivery = _Delivery(body, asyncio.get_running_loop().create_future())
        self._outgoing.append(delivery)
        self._flush()
        return delivery

    # -- what is seen

    def transcript(self, number: str, after: int = 0) -> list[Event]:
        return self.transcripts.read(number, after)

    def listen(self, number: str, after: int | None = None) -> AsyncIterator[Event]:
        return self.transcripts.listen(number, after)

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def connections(self) -> int:
        return sum(line.logged_in for line in self._lines)

    # -- the process

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._connected, host, port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._spawn(self._tick())
        return self.port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop_lines()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop_lines(self) -> None:
        """Cut every connection without a word."""
        for line in list(self._lines):
            line.writer.transport.abort()

    def terminate_lines(self) -> None:
        """Take leave of every SP: CMPP_TERMINATE."""
        for line in self._lines:
            line.sequence += 1
            line.writer.write(wire.pack(wire.TERMINATE, line.sequence))

    def reset(self) -> None:
        """Forgets messages, faults and what is still to come; connections stay."""
        self.faults.clear()
        self.transcripts.clear()
        self.accepted.clear()
        self.acknowledged.clear()
        self.blacklist.clear()
        self._agenda.clear()
        self._parts.clear()
        for delivery in self._outgoing:
            delivery.done.cancel()
        self._outgoing.clear()

    def _spawn(self, doing: object) -> None:
        task: asyncio.Task[None] = asyncio.create_task(doing)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tick(self) -> None:
        """What is due by the virtual clock."""
        while True:
            now = self._now()
            while self._agenda and self._agenda[0][0] <= now:
                heapq.heappop(self._agenda)[2]()
            for line in list(self._lines):
                for sequence, delivery in list(line.waiting.items()):
                    if delivery.again_at <= now:
                        del line.waiting[sequence]
                        self._again(delivery)
            self._flush()
            await asyncio.sleep(TICK)

    def _later(self, seconds: float, doing: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._now() + seconds, next(self._order), doing))

    def _now(self) -> float:
        return self.clock.now().timestamp()

    # -- the line

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(writer)
        self._lines.add(line)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                total, command, sequence = wire.HEADER.unpack(await reader.readexactly(12))
                if not 12 <= total <= wire.LONGEST:
                    break
                body = await reader.readexactly(total - 12)
                if not self._take(line, command, sequence, body):
                    await writer.drain()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            self._lines.discard(line)
            writer.close()
            for delivery in line.waiting.values():
                self._again(delivery)

    def _take(self, line: _Line, command: int, sequence: int, body: bytes) -> bool:
        """One frame from the SP; `False` ends the connection."""
        if command == wire.CONNECT:
            return self._login(line, sequence, body)
        if not line.logged_in:
            return False
        if command == wire.SUBMIT:
            line.unanswered += 1
            self._submit(line, sequence, body)
        elif command == wire.DELIVER + wire.RESP:
            self._delivery_answered(line, sequence, body)
        elif command == wire.ACTIVE_TEST:
            self.link_tests += 1
            if self.answers_link_tests:
                self._write(line, command + wire.RESP, sequence, b"\0")
        elif command == wire.QUERY:
            waiting = len(self._agenda)
            totals = len(self.accepted), len(self.accepted), self._delivered, waiting, self._failed
            self._write(
                line, command + wire.RESP, sequence, wire.query_answer(body, (*totals, self._upward, 0, 0))
            )
        elif command == wire.CANCEL:
            self._write(line, command + wire.RESP, sequence, (1).to_bytes(4, "big"))
        elif command == wire.TERMINATE:
            self._write(line, command + wire.RESP, sequence)
            return False
        return command != wire.TERMINATE + wire.RESP

    def _login(self, line: _Line, sequence: int, body: bytes) -> bool:
        digest = bytes(16)
        try:
            request = wire.LoginRequest.read(body)
            digest = request.digest
            if request.name != self.config.source_addr:
                status = 2
            elif not request.right(self.config.secret):
                status = 3
            elif request.version > 0x30:
                status = 4
            else:
                status = 5 if self.connections >= self.config.max_connections else 0
        except wire.WireError as error:
            status = error.status
        line.logged_in = status == 0
        self._write(
            line, wire.CONNECT + wire.RESP, sequence, wire.login_answer(status, digest, self.config.secret)
        )
        if line.logged_in and self.config.heartbeat:
            self._spawn(self._beat(line))
        return line.logged_in

    async def _beat(self, line: _Line) -> None:
        while line in self._lines:
            await asyncio.sleep(self.config.heartbeat)
            line.sequence += 1
            self._write(line, wire.ACTIVE_TEST, line.sequence)

    def _write(self, line: _Line, command: int, sequence: int, body: bytes = b"") -> None:
        if not line.writer.is_closing():
            line.writer.write(wire.pack(command, sequence, body))

    # -- messages from the hospital

    def _submit(self, line: _Line, sequence: int, body: bytes) -> None:
        fault = self.faults.take(SUBMIT_FAULTS, "SUBMIT") if self.faults else None
        kind = fault.kind if fault else ""
        if kind == "drop_before":
            line.writer.transport.abort()
            return
        if kind == "hang_before":
            line.unanswered -= 1
            return
        result, sent = (
            (int(fault.seconds(8)), None) if fault and kind == "errcode" else self._accept(line, body)
        )
        msg_id = sent.msg_id if sent else 0
        receipt = self.faults.take(RECEIPT_FAULTS, "SUBMIT") if sent and self.faults else None
        if sent is not None and receipt is not None and receipt.kind == "early_receipt":
            self._report(sent, "DELIVRD")
        if kind == "drop_after":
            line.writer.transport.abort()
        elif kind == "wrong_length":
            answer = wire.answer(msg_id, result)
            line.writer.write(wire.HEADER.pack(5, wire.SUBMIT + wire.RESP, sequence) + answer)
        elif kind == "slow" and fault is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(fault.seconds(1.0), self._submit_answer, line, sequence, msg_id, result)
        elif kind == "hang_after":
            line.unanswered -= 1
        else:
            self._submit_answer(line, sequence, msg_id, result)
        if sent is not None:
            self._schedule(sent, receipt)

    def _submit_answer(self, line: _Line, sequence: int, msg_id: int, result: int) -> None:
        line.unanswered -= 1
        self._write(line, wire.SUBMIT + wire.RESP, sequence, wire.answer(msg_id, result))

    def _accept(self, line: _Line, body: bytes) -> tuple[int, SimSent | None]:
        """The result, and what was booked when it is 0."""
        config = self.config
        try:
            request = wire.Submitted.read(body)
            place = request.place()
        except wire.WireError as error:
            return error.status, None
        second = int(self._now())
        self._second = (second, self._second[1] + 1 if self._second[0] == second else 1)
        over_rate = config.rate and self._second[1] > config.rate
        if line.unanswered > config.window or over_rate:
            return 8, None
        if request.msg_src != config.source_addr:
            return 11, None
        if request.service_id != config.service_id:
            return 7, None
        if not request.src_id.startswith(config.src_id):
            return 10, None
        if request.fee_type not in ("01", "02", "03", "04", "05"):
            return 5, None
        if place is not None and (place[1:] != (request.total, request.number)):
            return 1, None
        number = to_e164(request.phones[0])
        if len(request.phones) != 1 or number is None or not number.startswith("+861"):
            return 13, None
        sent = SimSent(number, self._new_id(), place, request.content, self.clock.now())
        self.accepted.append(sent)
        self._show(sent, request.msg_fmt)
        return 0, sent

    def _show(self, sent: SimSent, fmt: int) -> None:
        """On the handset once all parts are there."""
        codec = {0: "ascii", 15: "gb18030"}.get(fmt, "utf-16-be")
        if sent.place is None:
            self.transcripts.add(sent.number, "out", sent.content.decode(codec, "replace"), "sms")
            return
        reference, total, number = sent.place
        parts = self._parts.setdefault((sent.number, reference, total), {})
        parts[number] = sent.content[6:].decode(codec, "replace")
        if len(parts) == total:
            del self._parts[sent.number, reference, total]
            whole = "".join(parts[n] for n in sorted(parts))
            self.transcripts.add(sent.number, "out", whole, "sms", parts=total)
        while len(self._parts) > 1000:
            self._parts.popitem(last=False)

    # -- reports and deliveries

    def _schedule(self, sent: SimSent, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if kind in ("lost_receipt", "early_receipt"):
            return
        stat = "DELIVRD"
        if fault is not None and kind == "failed_receipt":
            stat = str(fault.value or "UNDELIV")
        elif sent.number in self.blacklist:
            stat = "MK:0001"
        for _ in range(2 if kind == "duplicate_receipt" else 1):
            self._later(self.config.receipt_delay, lambda: self._report(sent, stat))

    def _report(self, sent: SimSent, stat: str) -> None:
        if stat == "DELIVRD":
            self._delivered += 1
        else:
            self._failed += 1
        phone = _phone(sent.number)
        content = wire.report(
            sent.msg_id, stat, _minute(sent.at), _minute(self.clock.now()), phone, self._ids
        )
        self.deliver(
            wire.deliver(self._new_id(), self.config.src_id, phone, content, 0, udhi=False, report=True)
        )

    def _flush(self) -> None:
        """Send what waits, as far as the lines' windows allow."""
        lines = [line for line in self._lines if line.logged_in and not line.writer.is_closing()]
        for line in lines:
            while self._outgoing and len(line.waiting) < self.config.window:
                delivery = self._outgoing.popleft()
                delivery.tries += 1
                delivery.again_at = self._now() + self.config.resend_after
                line.sequence += 1
                line.waiting[line.sequence] = delivery
                self._write(line, wire.DELIVER, line.sequence, delivery.body)
                if self.faults and self.faults.take({"duplicate_push"}, "DELIVER"):
                    line.sequence += 1
                    self._write(line, wire.DELIVER, line.sequence, delivery.body)

    def _again(self, delivery: _Delivery) -> None:
        if delivery.done.done():
            return
        if delivery.tries >= self.config.resend_times:
            delivery.done.set_result(False)
        else:
            self._outgoing.appendleft(delivery)

    def _delivery_answered(self, line: _Line, sequence: int, body: bytes) -> None:
        try:
            msg_id, result = wire.read_answer(body)
        except wire.WireError:
            return
        self.acknowledged.append((msg_id, result))
        delivery = line.waiting.pop(sequence, None)
        if delivery is not None and not delivery.done.done():
            delivery.done.set_result(result == 0)
        self._flush()

    def _new_id(self) -> int:
        """Msg_Id: month, day, hour, minute, second, gateway and a sequence, packed into 64 bits as the standard says."""
        self._ids = (self._ids + 1) % 0x10000
        now = self.clock.now().astimezone(CHINA)
        stamp = (((now.month << 5 | now.day) << 5 | now.hour) << 6 | now.minute) << 6 | now.second
        return (stamp << 22 | 571001) << 16 | self._ids


def _phone(number: str) -> str:
    return number.removeprefix("+86")


def _minute(moment: datetime) -> str:
    return moment.astimezone(CHINA).strftime("%y%m%d%H%M")
