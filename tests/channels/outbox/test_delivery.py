"""Delivery: in order, at most once, and every message ends somewhere people can see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from channels.contacts.models import Contact, SendingWindow
from channels.outbox.delivery import Delivery
from channels.outbox.ladder import BACKOFF, JITTER, MAX_TRIES
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Verdict
from channels.outbox.service import BULK_PRIORITY
from channels.ports import Outcome, SendResult
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.channels.outbox.conftest import Gate, attempts, claim, tasks
from tests.factories.messages import SMS, YES_NO, conversation, said, say
from tests.factories.vendor import Vendor

GREET, THANK = Reply("smalltalk.greet"), Reply("smalltalk.thank")
RETRY = SendResult(Outcome.RETRY, code="45009")


async def statuses(database: Database) -> list[str]:
    return [message.status for message in await said(database)]


async def drain(delivery: Delivery) -> int:
    """Deliver until nothing is due; how many tries it took."""
    tried = 0
    while done := await delivery.run_once():
        tried += done
    return tried


async def test_a_reply_leaves_in_the_channels_own_words(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, sms: Vendor
) -> None:
    _, phone = await conversation(database, clock, SMS)
    contact, talk = await conversation(database, clock)
    await say(database, clock, talk, Reply("safety.emergency", options=YES_NO))
    await say(database, clock, phone, GREET)
    assert await drain(delivery) == 2
    [(address, message, ref)] = wechat.got
    assert (address, len(message.menu)) == (contact.address, 2)
    assert "120" in message.text
    question = (await said(database))[[str(m.id) for m in await said(database)].index(ref)].question_id
    assert [item.id for item in message.menu] == [f"{question}:yes", f"{question}:no"]
    [(address, message, _)] = sms.got
    assert address == "+8619900000001"
    assert message.template_code.startswith("SMS_")
    assert "0571-00000000" in message.text
    assert await statuses(database) == ["accepted", "accepted"]
    assert [one.verdict for one in await attempts(database)] == ["accepted", "accepted"]
    assert await drain(delivery) == 0


async def test_within_a_conversation_in_order_across_conversations_in_parallel(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor
) -> None:
    sms.takes = 0.02
    expected: dict[str, list[str]] = {}
    for n in range(6):
        contact, talk = await conversation(database, clock, SMS, f"+86199000002{n:02}")
        sent = await say(database, clock, talk, GREET, THANK, GREET, THANK)
        expected[contact.address] = [str(message.id) for message in sent]
    await drain(worker(concurrency=8))
    for address, ids in expected.items():
        assert [ref for to, _, ref in sms.got if to == address] == ids
    assert sms.most > 1


async def test_two_workers_never_send_twice(
    database: Database,
    clock: VirtualClock,
    worker: Callable[..., Delivery],
    sms: Vendor,
    database_url: str,
) -> None:
    sms.takes = 0.003
    for n in range(15):
        _, talk = await conversation(database, clock, SMS, f"+86199000002{n:02}")
        await say(database, clock, talk, GREET, THANK)
    other = Database(database_url)

    async def work(one: Delivery) -> None:
        idle = 0
        while idle < 5:
            idle = 0 if await one.run_once() else idle + 1
            await asyncio.sleep(0.002)

    try:
        await asyncio.gather(work(worker(concurrency=4)), work(worker(other, concurrency=4)))
    finally:
        await other.close()
    assert len(sms.refs) == len(set(sms.refs)) == 30
    assert await statuses(database) == ["accepted"] * 30


async def test_the_second_of_two_replies_does_not_wait_for_the_next_look(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, THANK, GREET)
    running = asyncio.create_task(delivery.run(poll=30))
    try:
        async with asyncio.timeout(5):
            while len(wechat.got) < 3:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await delivery.drain()


async def test_what_was_in_flight_when_the_process_died_is_uncertain_and_never_sent_again(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, THANK)
    dead = worker()
    [job] = await claim(dead, 8)
    assert (job.message.status, (await attempts(database))[0].verdict) == ("sending", "started")
    alive = worker()
    assert await alive.reap() == 0
    assert await drain(alive) == 0  # the second waits for the first
    async with database.write() as session:
        await session.execute(
            update(OutboundMessage)
            .where(OutboundMessage.status == "sending")
            .values(lease_until=real_now() - timedelta(seconds=1))
        )
    assert await alive.reap() == 1
    assert await alive.reap() == 0
    assert await drain(alive) == 1
    assert await statuses(database) == ["uncertain", "accepted"]
    assert len(wechat.got) == 1
    assert await tasks(database) == ["uncertain_send"]
    # The dead one was only slow: what it reports now changes nothing of the message, but the vendor's id is kept.
    await dead._deliver(job)
    assert (await statuses(database))[0] == "uncertain"
    assert len(await tasks(database)) == 1


async def test_a_lease_lost_before_the_try_was_written_is_sent_after_all(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    [message] = await say(database, clock, talk, GREET)
    async with database.write() as session:
        await session.execute(
            update(OutboundMessage).values(status="sending", lease_until=real_now() - timedelta(seconds=1))
        )
    assert await delivery.reap() == 1
    assert await drain(delivery) == 1
    assert wechat.refs == [str(message.id)]


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (SendResult(Outcome.REFUSED, code="isv.MOBILE_NUMBER_ILLEGAL"), "failed", "call"),
        (SendResult(Outcome.UNCERTAIN, code="timeout"), "uncertain", "uncertain_send"),
        (RuntimeError("a bug in the adapter"), "uncertain", "uncertain_send"),
    ],
)
async def test_what_did_not_surely_arrive_goes_to_people_once(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    sms: Vendor,
    answer: SendResult | Exception,
    status: str,
    kind: str,
) -> None:
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, GREET)
    sms.answers = [answer]
    assert await drain(delivery) == 1
    assert await statuses(database) == [status]
    assert await tasks(database) == [kind]
    clock.advance(timedelta(days=1))
    assert await drain(delivery) == 0


async def test_an_account_nobody_configured_is_a_failure_people_see(
    database: Database, clock: VirtualClock, delivery: Delivery
) -> None:
    _, talk = await conversation(database, clock)
    async with database.write() as session:
        await session.execute(update(Contact).values(account_id="gone"))
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert (await statuses(database), await tasks(database)) == (["failed"], ["call"])


async def test_try_again_later_means_later_and_not_for_ever(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, THANK)
    wechat.answers = [RETRY] * MAX_TRIES
    for n in range(MAX_TRIES - 1):
        assert await drain(delivery) == 1  # and the second waits its turn
        due = (await said(database))[0].due_at
        assert due is not None
        assert BACKOFF[n] <= (due - clock.now()).total_seconds() <= BACKOFF[n] * (1 + JITTER)
        clock.advance(due - clock.now())
    assert await drain(delivery) == 2
    assert await statuses(database) == ["failed", "accepted"]
    assert [one.n for one in await attempts(database)] == [1, 2, 3, 4, 1]
    assert await tasks(database) == ["call"]


async def test_the_vendors_own_waiting_time_is_kept(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [SendResult(Outcome.RETRY, retry_after=600)]
    await drain(delivery)
    assert (await said(database))[0].due_at == clock.now() + timedelta(minutes=10)
    clock.advance(timedelta(minutes=10))
    await drain(delivery)
    assert await statuses(database) == ["accepted"]


async def test_the_gate_decides_at_the_moment_of_sending(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, purpose="education")
    await say(database, clock, talk, THANK)
    gate.say = lambda message: Verdict(message.purpose == "reply", "no_consent")
    await drain(delivery)
    assert await statuses(database) == ["suppressed", "accepted"]
    assert (await said(database))[0].reason == "no_consent"
    assert len(wechat.got) == 1
    assert await tasks(database) == []


async def test_what_is_postponed_does_not_hold_up_the_conversation(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    """Quiet hours for an article must not silence the answer to a question."""
    _, talk = await conversation(database, clock)
    morning = clock.now() + timedelta(hours=9)
    [article] = await say(database, clock, talk, GREET, purpose="education", priority=BULK_PRIORITY)
    gate.say = lambda message: Verdict(message.purpose == "reply", "quiet_hours", morning)
    await drain(delivery)
    [answer] = await say(database, clock, talk, THANK)
    await drain(delivery)
    assert wechat.refs == [str(answer.id)]
    gate.say = lambda message: Verdict(True)
    clock.advance(timedelta(hours=9))
    await drain(delivery)
    assert wechat.refs == [str(answer.id), str(article.id)]


async def test_conversation_goes_before_bulk(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor
) -> None:
    bulk = []
    for n in range(6):
        _, talk = await conversation(database, clock, SMS, f"+86199000002{n:02}")
        bulk += await say(database, clock, talk, GREET, purpose="service_notice", priority=BULK_PRIORITY)
    clock.advance(timedelta(seconds=5))
    _, other = await conversation(database, clock, SMS)
    [answer] = await say(database, clock, other, THANK)
    _, own = await conversation(database, clock, SMS, "+8619900000200")
    [own_answer] = await say(database, clock, own, THANK)
    one_at_a_time = worker(concurrency=1)
    await drain(one_at_a_time)
    assert sms.refs[:2] == [str(answer.id), str(own_answer.id)]
    assert len(sms.refs) == 8


async def test_bulk_that_had_no_place_at_a_look_is_sent_when_there_is_one(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor
) -> None:
    sms.takes = 0.1
    for n in range(5):
        _, talk = await conversation(database, clock, SMS, f"+86199000002{n:02}")
        await say(database, clock, talk, GREET, purpose="service_notice", priority=BULK_PRIORITY)
    delivery = worker(concurrency=4)
    running = asyncio.create_task(delivery.run(poll=30))
    try:
        async with asyncio.timeout(10):
            while sms.in_hand < 3:  # the fourth place is kept for conversation
                await asyncio.sleep(0.005)
            delivery.wake()
            while len(sms.got) < 5:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await delivery.drain()
    assert sms.most == 3


@pytest.mark.parametrize(
    ("status", "purpose", "sent"),
    [
        ("active", "service_notice", 1),
        ("unfollowed", "reply", 0),
        ("wrong_number", "reply", 0),
        ("stopped", "reply", 1),
        ("stopped", "service_notice", 0),
        ("active", "nonsense", 0),
    ],
)
async def test_the_real_gate_knows_the_contacts_status(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    wechat: Vendor,
    status: str,
    purpose: str,
    sent: int,
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, purpose=purpose)
    async with database.write() as session:
        await session.execute(update(Contact).values(status=status))
    await drain(delivery)
    assert len(wechat.got) == sent
    assert await statuses(database) == ["accepted" if sent else "suppressed"]


async def test_the_quota_is_counted_and_the_vendor_knows_better(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    contact, talk = await conversation(database, clock)

    async def left() -> int:
        async with database.read() as session:
            window = await session.get(SendingWindow, contact.id)
            assert window is not None
            return window.remaining

    async with database.write() as session:
        session.add(
            SendingWindow(contact_id=contact.id, remaining=5, expires_at=clock.now() + timedelta(days=2))
        )
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert await left() == 4
    wechat.answers = [SendResult(Outcome.REFUSED, code="40003")]
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert await left() == 4
    wechat.answers = [SendResult(Outcome.UNCERTAIN, code="unclear", parts=1)]
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert await left() == 3
    wechat.answers = [SendResult(Outcome.REFUSED, code="45047")]
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert await left() == 0


async def test_a_vendor_that_says_stop_is_heard(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    _, talk = await conversation(database, clock, SMS)
    sms.answers = [SendResult(Outcome.REFUSED, code="isv.BLACK_KEY", stop_contact=True)]
    await say(database, clock, talk, GREET)
    await drain(delivery)
    async with database.read() as session:
        contact = await session.get(Contact, talk.contact_id)
    assert contact is not None
    assert contact.status == "stopped"


async def test_what_sms_has_no_words_for_becomes_the_landline_and_a_call(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor, catalogue: Catalogue
) -> None:
    catalogue.use_templates(one for one in catalogue.sms_templates() if one.key == "common.call_us")
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, GREET)
    await drain(delivery)
    assert "0571-00000000" in sms.texts[0]
    assert (await statuses(database), await tasks(database)) == (["accepted"], ["call"])


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_a_reply_without_words_fails_alone(
    database: Database, clock: VirtualClock, delivery: Delivery, catalogue: Catalogue, channel: str
) -> None:
    catalogue.use_templates([])
    _, talk = await conversation(database, clock, SMS if channel == "sms" else "wechat")  # type: ignore[arg-type]
    await say(database, clock, talk, Reply("no.such_words"))
    assert await drain(delivery) == 0
    assert (await statuses(database), await tasks(database)) == (["failed"], ["call"])
