"""What the gateway delivers: patients' messages and status reports. Acknowledged only once they are stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from channels.ports import ChannelName, Inbound, InboundSink, Receipt, ReceiptSink, StorageUnavailable
from channels.sms.cmpp import text
from channels.sms.cmpp.codec import Deliver, Frame, Malformed, Report
from channels.sms.cmpp.link import Link
from channels.sms.cmpp.reports import SentBook, id_text
from channels.sms.numbers import to_e164
from store.clock import Clock

log = structlog.get_logger(__name__)

BATCH = 64
"""Deliveries stored together."""
RIGHT, STRUCTURE_ERROR = 0, 1
"""DELIVER_RESP results."""

Key = tuple[str, str, int, int, int]


@dataclass(slots=True)
class _Item:
    """One DELIVER and the line its answer goes back on."""

    link: Link
    frame: Frame
    pdu: Deliver

    def answer(self, result: int) -> None:
        self.link.answer_deliver(self.frame.sequence, self.pdu.msg_id, result)


@dataclass(slots=True)
class _Long:
    """Parts of one long message so far."""

    total: int
    parts: dict[int, tuple[Deliver, bytes]] = field(default_factory=dict)
    items: list[_Item] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Ready:
    """A message or a receipt to store, and the deliveries it answers. `broken`: why neither could be made of them."""

    items: list[_Item]
    message: Inbound | None = None
    receipt: Receipt | None = None
    broken: str = ""


class Intake:
    """One account's deliveries, stored in the order in which they came. What could not be stored is not answered: the gateway
    sends it again after its T."""

    def __init__(
        self,
        account_id: str,
        hold: float,
        clock: Clock,
        sink: InboundSink,
        receipts: ReceiptSink,
        book: SentBook,
    ) -> None:
        self._account_id = account_id
        self._hold = hold
        self._clock = clock
        self._sink, self._receipts = sink, receipts
        self._book = book
        self._queue: asyncio.Queue[_Ready | tuple[Link, Frame]] = asyncio.Queue()
        self._long: dict[Key, _Long] = {}

    def take(self, link: Link, frame: Frame) -> None:
        """A DELIVER has come; never blocks."""
        self._queue.put_nowait((link, frame))

    async def run(self) -> None:
        """Store what comes, for ever."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            ready: list[_Ready] = []
            for one in batch:
                found = one if isinstance(one, _Ready) else await self._read(*one)
                if found is not None and found.broken:
                    log.warning("cmpp.long_unreadable", account=self._account_id, reason=found.broken)
                    for item in found.items:
                        await self._quarantine(item.link, item.frame, found.broken)
                elif found is not None:
                    ready.append(found)
            await self._store(ready)

    async def _read(self, link: Link, frame: Frame) -> _Ready | None:
        """What a frame holds, ready to be stored; unreadable ones go into quarantine."""
        try:
            pdu = Deliver.decode(frame.body)
            item = _Item(link, frame, pdu)
            if pdu.registered_delivery:
                return _Ready([item], receipt=self._book.receipt(Report.decode(pdu.content)))
            if not pdu.tp_udhi:
                return _Ready([item], message=self._message(pdu, text.decode(pdu.content, pdu.msg_fmt), ""))
            part, content = text.take_header(pdu.content)
            if part is None:
                return _Ready([item], message=self._message(pdu, text.decode(content, pdu.msg_fmt), ""))
            return self._collect(item, part, content)
        except Malformed as error:
            await self._quarantine(link, frame, str(error))
            return None

    def _collect(self, item: _Item, part: text.Part, content: bytes) -> _Ready | None:
        """A part of a long message: the whole when it was the last one missing."""
        pdu = item.pdu
        key = (pdu.src_terminal_id, pdu.dest_id, pdu.msg_fmt, part.reference, part.total)
        long = self._long.get(key)
        if long is None:
            long = self._long[key] = _Long(part.total)
            long.timer = asyncio.get_running_loop().call_later(self._hold, self._waited, key)
        long.parts[part.number] = (pdu, content)
        long.items.append(item)
        return self._join(key) if len(long.parts) == long.total else None

    def _waited(self, key: Key) -> None:
        """Parts are missing for too long: what there is goes on, marked by its key so that the whole may still come."""
        log.warning("cmpp.parts_missing", account=self._account_id)
        self._queue.put_nowait(self._join(key))

    def _join(self, key: Key) -> _Ready:
        """All parts there are, as one message; parts that make none are kept as they came, every one of them."""
        long = self._long.pop(key)
        if long.timer is not None:
            long.timer.cancel()
        numbers = sorted(long.parts)
        first = long.parts[numbers[0]][0]
        whole = b"".join(long.parts[number][1] for number in numbers)
        mark = "" if len(numbers) == long.total else ":" + ",".join(str(number) for number in numbers)
        try:
            return _Ready(long.items, message=self._message(first, text.decode(whole, first.msg_fmt), mark))
        except Malformed as error:
            return _Ready(long.items, broken=str(error))

    def _message(self, pdu: Deliver, said: str, mark: str) -> Inbound:
        number = to_e164(pdu.src_terminal_id)
        if number is None:
            raise Malformed("Src_terminal_Id is no number")
        return Inbound(
            channel=ChannelName.SMS,
            account_id=self._account_id,
            address=number,
            vendor_key=f"mo:{id_text(pdu.msg_id)}{mark}",
            kind="text",
            text=said.replace("\x00", ""),
            sent_at=self._clock.now(),
            raw={
                "dest_id": pdu.dest_id,
                "service_id": pdu.service_id,
                "msg_fmt": pdu.msg_fmt,
                "link_id": pdu.link_id,
            },
        )

    async def _store(self, ready: list[_Ready]) -> None:
        """Together; if that fails, one by one, so that one bad item holds up no other."""
        try:
            await self._keep(ready)
        except StorageUnavailable:
            log.error(
                "cmpp.not_stored", account=self._account_id, count=len(ready), reason="storage unavailable"
            )
        except Exception as error:
            if len(ready) == 1:
                log.error("cmpp.not_stored", account=self._account_id, count=1, reason=type(error).__name__)
                return
            for one in ready:
                await self._store([one])

    async def _keep(self, ready: list[_Ready]) -> None:
        messages = [one.message for one in ready if one.message is not None]
        receipts = [one.receipt for one in ready if one.receipt is not None]
        if messages:
            await self._sink.accept(messages)
        if receipts:
            await self._receipts.record(receipts)
        for one in ready:
            for item in one.items:
                item.answer(RIGHT)

    async def _quarantine(self, link: Link, frame: Frame, reason: str) -> None:
        try:
            await self._sink.quarantine(
                ChannelName.SMS, self._account_id, frame.body.hex().encode(), f"cmpp: {reason}"
            )
        except Exception as error:
            log.error("cmpp.not_stored", account=self._account_id, count=1, reason=type(error).__name__)
            return
        link.answer_deliver(
            frame.sequence, int.from_bytes(frame.body[:8].ljust(8, b"\0"), "big"), STRUCTURE_ERROR
        )
