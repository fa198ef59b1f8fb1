"""Dead letters: found by reason, sent once more when a person wants it, and only then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from channels.outbox import letters
from channels.outbox.delivery import Delivery
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.reply import Reply
from server.people import CareDesk
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.outbox.conftest import attempts, tasks
from tests.factories.messages import ACCOUNTS, SMS, conversation, said, say
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")
NURSE = new_id()


async def drain(delivery: Delivery) -> None:
    delivery.wake()
    while await delivery.run_once():
        pass


async def dead(database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor) -> None:
    """Two failed of one reason, one of another, one uncertain, one that arrived."""
    codes = [
        SendResult(Outcome.REFUSED, code="isv.A"),
        SendResult(Outcome.REFUSED, code="isv.A"),
        SendResult(Outcome.REFUSED, code="isv.B"),
        SendResult(Outcome.UNCERTAIN, code="unclear"),
        SendResult(Outcome.ACCEPTED, vendor_id="v"),
    ]
    for n, answer in enumerate(codes):
        _, talk = await conversation(database, clock, SMS, f"+86199000003{n:02}")
        await say(database, clock, talk, GREET, dedup_key=f"m{n}")
        sms.answers = [answer]
        await drain(delivery)


async def test_they_are_found_by_reason(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    await dead(database, clock, delivery, sms)
    async with database.read() as session:
        found = [(heap.status, heap.reason, heap.count) for heap in await letters.heaps(session)]
        some = await letters.letters(session, "failed", "isv.A")
        every = await letters.letters(session, "failed")
        with pytest.raises(ValueError, match="accepted"):
            await letters.letters(session, "accepted")
    assert found[0] == ("failed", "isv.A", 2)
    assert set(found[1:]) == {("failed", "isv.B", 1), ("uncertain", "unclear", 1)}
    assert {one.dedup_key for one in some} == {"m0", "m1"}
    assert {one.dedup_key for one in every} == {"m0", "m1", "m2"}


async def test_a_person_may_have_them_sent_once_more(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    """Also what may have arrived: that is the person's to weigh. What has arrived is left alone."""
    await dead(database, clock, delivery, sms)
    rows = {row.dedup_key: row for row in await said(database)}
    await drain(delivery)
    assert len(sms.got) == 5  # nothing by itself
    wanted = [rows[name].id for name in ("m0", "m3", "m4")]
    async with database.write() as session:
        again = await letters.redrive(session, wanted, by=NURSE, now=clock.now())
    assert set(again) == {rows["m0"].id, rows["m3"].id}
    await drain(delivery)
    after = {row.dedup_key: row.status for row in await said(database)}
    assert after == {"m0": "accepted", "m1": "failed", "m2": "failed", "m3": "accepted", "m4": "accepted"}
    assert sorted(
        (one.n, one.verdict) for one in await attempts(database) if one.outbound_id == wanted[1]
    ) == [
        (1, "uncertain"),
        (2, "accepted"),
    ]
    async with database.read() as session:
        kept = list(await session.scalars(select(AuditRow).where(AuditRow.action == "redrive")))
    assert {(one.actor, one.subject) for one in kept} == {
        (f"staff:{NURSE}", f"outbound:{one}") for one in again
    }


async def test_sent_once_more_every_rung_is_open_again(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    sms.answers = [SendResult(Outcome.REFUSED, code="isv.A", next_rung=True)]
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["failed"]
    async with database.write() as session:
        assert await letters.redrive(session, [message.id], by=NURSE, now=clock.now()) == [message.id]
        assert await letters.redrive(session, [message.id], by=NURSE, now=clock.now()) == []
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["accepted"]


async def test_a_late_report_takes_it_out_of_the_queue_again(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    sms.answers = [SendResult(Outcome.UNCERTAIN, code="unclear")]
    await drain(delivery)
    async with database.write() as session:
        await letters.redrive(session, [message.id], by=NURSE, now=clock.now())
    report = Receipt(SMS, ACCOUNTS[SMS], "late", str(message.id), True, "DELIVERED")
    await Receipts(database, clock).record([report])
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["delivered"]
    assert len(sms.got) == 1


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("again", [Outcome.ACCEPTED, Outcome.UNCERTAIN])
async def test_a_late_failure_of_the_first_sending_does_not_spoil_the_second(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor, known: bool, again: Outcome
) -> None:
    """`known`: whether the vendor had given the first a number."""
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    first = SendResult(Outcome.UNCERTAIN, code="unclear", vendor_id="first" if known else "")
    sms.answers = [first, SendResult(again, vendor_id="second" if again is Outcome.ACCEPTED else "")]
    await drain(delivery)
    async with database.write() as session:
        await letters.redrive(session, [message.id], by=NURSE, now=clock.now())
    await drain(delivery)
    late = Receipt(SMS, ACCOUNTS[SMS], "first", str(message.id), False, "UNDELIV")
    assert await Receipts(database, clock, desk=CareDesk()).record([late]) == []
    assert [row.status for row in await said(database)] == [str(again)]
    told = [(one.n, one.receipt) for one in await attempts(database)]
    assert told == [(1, "failed"), (2, None)]
    assert await tasks(database) == ["uncertain_send"]


async def test_what_was_refused_before_stays_open_however_often_the_vendor_puts_it_off(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    sms.answers = [SendResult(Outcome.REFUSED, code="isv.A", next_rung=True)]
    await drain(delivery)
    async with database.write() as session:
        await letters.redrive(session, [message.id], by=NURSE, now=clock.now())
    sms.answers = [SendResult(Outcome.RETRY, code="busy", retry_after=1.0)]
    await drain(delivery)
    clock.advance(timedelta(minutes=1))
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["accepted"]
