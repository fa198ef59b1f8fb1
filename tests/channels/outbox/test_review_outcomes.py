"""What a vendor told us is never lost: not to a death, a stop, a database that is away for a moment, or two processes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from channels.outbox import applying as module
from channels.outbox.delivery import Delivery
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.reply import Reply
from store.clock import VirtualClock, real_now
from store.database import Database, DatabaseUnavailable
from tests.channels.outbox.conftest import attempts, claim, tasks
from tests.factories.messages import ACCOUNTS, SMS, conversation, said, say
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")


def report(message: OutboundMessage) -> Receipt:
    return Receipt(SMS, ACCOUNTS[SMS], f"v-{message.id}", str(message.id), True, "DELIVERED")


async def test_a_report_that_came_before_the_death_is_believed(
    database: Database, clock: VirtualClock, delivery: Delivery
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    [_job] = await claim(delivery, 5)  # handed over; then the process dies
    await Receipts(database, clock).record([report(message)])
    async with database.write() as session:
        await session.execute(update(OutboundMessage).values(lease_until=real_now() - timedelta(seconds=1)))
    assert await delivery.reap() == 1
    assert [one.status for one in await said(database)] == ["delivered"]
    assert await tasks(database) == []


async def test_a_report_that_meets_the_vendors_answer_is_kept(
    database: Database, clock: VirtualClock, delivery: Delivery, database_url: str
) -> None:
    """Whichever of the two transactions is first, at the end the message is delivered."""
    other = Database(database_url)
    try:
        for n in range(15):
            _, talk = await conversation(database, clock, SMS, f"+86199000004{n:02}")
            [message] = await say(database, clock, talk, GREET)
            [job] = await claim(delivery, 5)
            job.result = SendResult(Outcome.ACCEPTED, vendor_id=f"v-{message.id}")

            async def apply(job: Any = job) -> None:
                async with database.write() as session:
                    await delivery._applier.apply(session, [job], clock.now())

            await asyncio.gather(apply(), Receipts(other, clock).record([report(message)]))
    finally:
        await other.close()
    assert [one.status for one in await said(database)] == ["delivered"] * 15


async def test_a_report_waits_for_the_answer_that_is_being_written(
    database: Database, clock: VirtualClock, delivery: Delivery, database_url: str
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, GREET)
    [job] = await claim(delivery, 5)
    job.result = SendResult(Outcome.ACCEPTED, vendor_id=f"v-{message.id}")
    other = Database(database_url)
    try:
        async with database.write() as session:
            await delivery._applier.apply(session, [job], clock.now())
            await session.flush()
            elsewhere = Context()  # another process: it knows of no session of ours
            telling = asyncio.create_task(Receipts(other, clock).record([report(message)]), context=elsewhere)
            await asyncio.sleep(0.3)
        await telling
    finally:
        await other.close()
    assert [one.status for one in await said(database)] == ["delivered"]
    assert [one.receipt for one in await attempts(database)] == ["delivered"]


async def test_a_known_outcome_survives_a_database_that_is_away_for_a_moment(
    database: Database, clock: VirtualClock, delivery: Delivery, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "APPLY_AGAIN", (0.01, 0.01, 0.01))
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, GREET)
    real, failures = database.transact, [2]

    async def away(work: Any, doing: str) -> Any:
        if doing == "delivery-apply" and failures[0]:
            failures[0] -= 1
            raise DatabaseUnavailable("away")
        return await real(work, doing)

    monkeypatch.setattr(database, "transact", away)
    await delivery.run_once()
    assert [one.status for one in await said(database)] == ["accepted"]


async def test_a_stop_in_the_middle_of_a_claim_leaves_nothing_uncertain(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor, monkeypatch: Any
) -> None:
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, GREET)
    delivery = worker()
    claiming = asyncio.Event()
    real = database.transact

    async def slow(work: Any, doing: str) -> Any:
        result = await real(work, doing)
        if doing == "delivery-claim" and not claiming.is_set():
            claiming.set()
            await asyncio.sleep(0.2)
        return result

    monkeypatch.setattr(database, "transact", slow)
    running = asyncio.create_task(delivery.run())
    await claiming.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await delivery.drain()
    assert [one.status for one in await said(database)] == ["accepted"]
    assert len(sms.got) == 1


async def test_a_vendors_explanation_is_kept_without_the_address(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, GREET)
    sms.answers = [
        SendResult(Outcome.REFUSED, code="isv.X", detail="19900000001 of oTest_000000000000000000001x is bad")
    ]
    await delivery.run_once()
    [attempt] = await attempts(database)
    assert isinstance(attempt, DeliveryAttempt)
    assert attempt.detail == "… of … is bad"
