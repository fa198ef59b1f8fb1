"""Delivery reports: whatever order and however often they come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.outbox.delivery import Delivery
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.channels.outbox.conftest import attempts, claim
from tests.factories.messages import ACCOUNTS, SMS, conversation, said, say
from tests.factories.vendor import Vendor


@pytest.fixture
def receipts(database: Database, clock: VirtualClock) -> Receipts:
    return Receipts(database, clock)


async def sent(database: Database, clock: VirtualClock, delivery: Delivery) -> str:
    """One SMS that was handed over; its id."""
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"))
    await delivery.run_once()
    return str(message.id)


def report(ref: str, ok: bool = True, **values: object) -> Receipt:
    given: dict[str, object] = {
        "channel": SMS,
        "account_id": ACCOUNTS[SMS],
        "vendor_id": f"v-{ref}",
        "client_ref": ref,
        "ok": ok,
        "code": "DELIVERED" if ok else "UNDELIV",
    }
    return Receipt(**{**given, **values})  # type: ignore[arg-type]


async def status(database: Database) -> tuple[str, str | None]:
    [message] = await said(database)
    [attempt] = await attempts(database)
    return message.status, attempt.receipt


@pytest.mark.parametrize(
    ("reports", "end"),
    [
        ([True], "delivered"),
        ([False], "failed"),
        ([True, True], "delivered"),
        ([False, False], "failed"),
        ([False, True], "delivered"),
        ([True, False], "delivered"),
        ([True, False, True], "delivered"),
    ],
)
async def test_a_state_never_goes_back(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    receipts: Receipts,
    reports: list[bool],
    end: str,
) -> None:
    ref = await sent(database, clock, delivery)
    for ok in reports:
        await receipts.record([report(ref, ok)])
        clock.advance(timedelta(seconds=1))
    assert await status(database) == (end, end)


async def test_a_batch_of_the_same_report_counts_once(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts
) -> None:
    ref = await sent(database, clock, delivery)
    at = clock.now() - timedelta(minutes=3)
    await receipts.record([report(ref, at=at), report(ref), report("somebody-else's")])
    assert await status(database) == ("delivered", "delivered")
    assert (await attempts(database))[0].receipt_at == at


async def test_what_was_uncertain_is_cleared_by_its_report(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts, sms: Vendor
) -> None:
    """The answer never came, so the vendor's id is not known; our own reference is."""
    sms.answers = [SendResult(Outcome.UNCERTAIN, code="timeout")]
    ref = await sent(database, clock, delivery)
    assert (await status(database))[0] == "uncertain"
    await receipts.record([report(ref, vendor_id="never-seen-before")])
    assert await status(database) == ("delivered", "delivered")


async def test_a_report_that_overtakes_the_answer_is_not_lost(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"))
    [job] = await claim(delivery, 1)
    await receipts.record([report(str(message.id))])
    await delivery._deliver(job)
    assert await status(database) == ("delivered", "delivered")


@pytest.mark.parametrize("elsewhere", [{"account_id": "other"}, {"channel": "wechat"}])
async def test_a_report_of_another_account_is_not_ours(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    receipts: Receipts,
    elsewhere: dict[str, str],
) -> None:
    ref = await sent(database, clock, delivery)
    await receipts.record([report(ref, ok=False, **elsewhere)])
    assert await status(database) == ("accepted", None)


async def test_a_report_about_nothing_of_ours_is_ignored(receipts: Receipts) -> None:
    await receipts.record([report("nonsense"), report("", vendor_id="")])
