"""A question whose message did not reach the patient is no question: a digit must not answer what nobody read."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from channels.contacts.models import Conversation
from channels.outbox import letters
from channels.outbox.delivery import Delivery
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Verdict
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.questions import service as questions
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.outbox.conftest import Gate
from tests.factories.messages import ACCOUNTS, SMS, WECHAT, YES_NO, conversation, said, say
from tests.factories.vendor import Vendor

ASKED = Reply("consent.resume", options=YES_NO)
REFUSED = SendResult(Outcome.REFUSED, code="isv.MOBILE_NUMBER_ILLEGAL")


async def open_one(database: Database, clock: VirtualClock, talk: Conversation) -> str | None:
    async with database.read() as session:
        found = await questions.current(session, talk.id, clock.now())
    return found.instance if found is not None else None


async def status_of(database: Database, message_id: UUID) -> str:
    return {row.id: row.status for row in await said(database)}[message_id]


async def push(database: Database, clock: VirtualClock, talk: Conversation) -> OutboundMessage:
    """Something that goes before any question."""
    [made] = await say(
        database, clock, talk, ASKED, purpose="staff_reply", instance="alert:1", priority=-1, waits=True
    )
    return made


async def test_what_a_vendor_refuses_leaves_the_question_before_it_open(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, ASKED, instance="dialogue:first")
    await delivery.run_once()
    sms.answers = [REFUSED]
    message = await push(database, clock, talk)
    await delivery.run_once()
    assert await status_of(database, message.id) == "failed"
    assert await open_one(database, clock, talk) == "dialogue:first"
    async with database.write() as session:
        await letters.redrive(session, [message.id], by=new_id(), now=clock.now())
    await delivery.run_once()
    assert await status_of(database, message.id) == "accepted"
    assert await open_one(database, clock, talk) == "alert:1", "sent once more, it asks"


async def test_what_was_reported_as_not_delivered_asks_nothing(
    database: Database, clock: VirtualClock, delivery: Delivery
) -> None:
    _, talk = await conversation(database, clock, SMS)
    message = await push(database, clock, talk)
    await delivery.run_once()
    assert await open_one(database, clock, talk) == "alert:1"
    report = Receipt(SMS, ACCOUNTS[SMS], f"v-{message.id}", str(message.id), False, "UNDELIV")
    await Receipts(database, clock).record([report])
    assert await open_one(database, clock, talk) is None


@pytest.mark.parametrize("phone", [True, False])
async def test_what_goes_on_elsewhere_asks_there_only(
    database: Database,
    clock: VirtualClock,
    gate: Gate,
    worker: Callable[..., Delivery],
    wechat: Vendor,
    phone: bool,
) -> None:
    _, talk = await conversation(database, clock, WECHAT)
    number, there = await conversation(database, clock, SMS)
    verdicts = [Verdict(True), Verdict(False, pass_to=number.id) if phone else Verdict(False, call=True)]
    gate.say = lambda message: verdicts.pop(0) if verdicts else Verdict(True)
    wechat.answers = [SendResult(Outcome.REFUSED, code="45015", next_rung=True)]
    message = await push(database, clock, talk)
    delivery = worker()
    for _ in range(3):
        await delivery.run_once()
    assert await status_of(database, message.id) == ("passed_on" if phone else "failed")
    assert await open_one(database, clock, talk) is None
    assert await open_one(database, clock, there) == ("alert:1" if phone else None)
