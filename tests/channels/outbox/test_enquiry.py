"""An uncertain message is asked after, with the real driver at the vendor's stand-in; never sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from care.desk.models import DeskTask, TaskKind
from channels.outbox.delivery import Delivery
from channels.outbox.enquiry import ASK_AFTER, Enquiry
from channels.outbox.models import OutboundMessage
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.reply import Reply
from server.people import CareDesk
from store.clock import VirtualClock
from store.database import Database
from tests.channels.outbox.conftest import attempts
from tests.factories.messages import ACCOUNTS, SMS, conversation, say
from tests.factories.vendor import Vendor

UNCLEAR = SendResult(Outcome.UNCERTAIN, code="unclear", detail="timeout")


class Telling(Vendor):
    """A vendor that can be asked."""

    def __init__(self, says: Outcome | None) -> None:
        super().__init__(answers=[UNCLEAR])
        self.says = says
        self.asked = 0

    async def resolve(self, address: str, client_ref: str, day: object) -> Outcome | None:
        self.asked += 1
        return self.says


async def uncertain_one(
    database: Database, clock: VirtualClock, vendor: Telling, worker: Callable[..., Delivery]
) -> tuple[OutboundMessage, Enquiry]:
    _, talk = await conversation(database, clock, SMS)
    (message,) = await say(database, clock, talk, Reply("consent.resume"))
    delivery = worker()
    delivery._senders = {("sms", ACCOUNTS[SMS]): vendor}
    await delivery.run_once()
    desk = CareDesk()
    return message, Enquiry(database, clock, delivery._senders, Receipts(database, clock, desk=desk), desk)


async def state(database: Database, message: OutboundMessage) -> tuple[str, dict[str, str]]:
    async with database.read() as session:
        row = await session.get(OutboundMessage, message.id)
        assert row is not None
        tasks = {str(one.kind): one.status for one in await session.scalars(select(DeskTask))}
        return row.status, tasks


async def test_the_vendor_has_it(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery]
) -> None:
    vendor = Telling(Outcome.ACCEPTED)
    message, enquiry = await uncertain_one(database, clock, vendor, worker)
    assert await state(database, message) == ("uncertain", {TaskKind.UNCERTAIN_SEND: "open"})
    assert await enquiry.run_once() == 0  # too early: the vendor's records are not there yet
    clock.advance(ASK_AFTER[0])
    assert await enquiry.run_once() == 1
    assert await state(database, message) == ("accepted", {TaskKind.UNCERTAIN_SEND: "done"})
    assert [one.verdict for one in await attempts(database)] == ["accepted"]
    assert len(vendor.got) == 1


async def test_it_failed_for_good(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery]
) -> None:
    message, enquiry = await uncertain_one(database, clock, Telling(Outcome.REFUSED), worker)
    clock.advance(ASK_AFTER[0])
    assert await enquiry.run_once() == 1
    assert await state(database, message) == (
        "failed",
        {TaskKind.UNCERTAIN_SEND: "done", TaskKind.CALL: "open"},
    )


async def test_nobody_knows(database: Database, clock: VirtualClock, worker: Callable[..., Delivery]) -> None:
    vendor = Telling(None)
    message, enquiry = await uncertain_one(database, clock, vendor, worker)
    for _ in range(20):
        clock.advance(timedelta(hours=1))
        assert await enquiry.run_once() == 0
    assert vendor.asked == len(ASK_AFTER)
    assert await state(database, message) == ("uncertain", {TaskKind.UNCERTAIN_SEND: "open"})
    assert len(vendor.got) == 1


@pytest.mark.parametrize("ok", [True, False])
async def test_a_report_was_quicker(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], ok: bool
) -> None:
    vendor = Telling(Outcome.ACCEPTED)
    message, enquiry = await uncertain_one(database, clock, vendor, worker)
    report = Receipt(SMS, ACCOUNTS[SMS], "v", str(message.id), ok, "DELIVERED" if ok else "UNDELIV")
    await enquiry._receipts.record([report])
    clock.advance(ASK_AFTER[0])
    await enquiry.run_once()
    status, tasks = await state(database, message)
    assert status == ("delivered" if ok else "failed")
    assert tasks[TaskKind.UNCERTAIN_SEND] == "done"
    assert vendor.asked == 0
