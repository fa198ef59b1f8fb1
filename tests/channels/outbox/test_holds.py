"""Stops: by campaign, channel, account, purpose, and everything; what is queued waits, or is given up."""

from __future__ import annotations

import pytest

from channels.outbox import holds, letters
from channels.outbox.delivery import Delivery
from channels.outbox.holds import Scope
from channels.outbox.models import DeliveryHold
from channels.outbox.ports import Verdict
from channels.outbox.service import BULK_PRIORITY, URGENT_PRIORITY
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.outbox.conftest import Gate
from tests.factories.messages import SMS, conversation, said, say
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")


@pytest.fixture(autouse=True)
def _everything_may_go(gate: Gate) -> None:
    gate.say = lambda message: Verdict(True)


async def stop(database: Database, clock: VirtualClock, scope: Scope, key: str = "") -> DeliveryHold:
    async with database.write() as session:
        held, new = await holds.hold(session, scope, key, reason="内容有误", now=clock.now(), by=new_id())
        assert new
    return held


async def drain(delivery: Delivery) -> None:
    while await delivery.run_once():
        pass


async def statuses(database: Database) -> dict[str, str]:
    return {row.dedup_key: row.status for row in await said(database)}


async def queue(database: Database, clock: VirtualClock) -> None:
    """One of each kind, each in a conversation of its own."""
    kinds = {
        "campaign": {"purpose": "education", "campaign": "flu", "priority": BULK_PRIORITY},
        "other": {"purpose": "education", "campaign": "heart", "priority": BULK_PRIORITY},
        "reply": {},
        "urgent": {"priority": URGENT_PRIORITY},
        "urgent-push": {"priority": URGENT_PRIORITY, "purpose": "service_notice"},
    }
    for n, (name, values) in enumerate(kinds.items()):
        _, talk = await conversation(database, clock, address=f"oTest_{n:022d}")
        await say(database, clock, talk, GREET, dedup_key=name, **values)  # type: ignore[arg-type]
    _, phone = await conversation(database, clock, SMS)
    await say(database, clock, phone, GREET, dedup_key="sms")


@pytest.mark.parametrize(
    ("scope", "key", "stopped"),
    [
        (Scope.CAMPAIGN, "flu", {"campaign"}),
        (Scope.PURPOSE, "education", {"campaign", "other"}),
        (Scope.CHANNEL, "sms", {"sms"}),
        (Scope.ACCOUNT, "sms/aliyun", {"sms"}),
        (Scope.ACCOUNT, "sms/another", set()),
        (Scope.CHANNEL, "wechat", {"campaign", "other", "reply", "urgent-push"}),
        (Scope.PURPOSE, "reply", {"reply", "sms"}),
        (Scope.ALL, "", {"campaign", "other", "reply", "urgent-push", "sms"}),
    ],
)
async def test_what_is_held_waits_and_leaves_when_it_is_let_go(
    database: Database, clock: VirtualClock, delivery: Delivery, scope: Scope, key: str, stopped: set[str]
) -> None:
    """An answer to an emergency leaves whatever is stopped."""
    held = await stop(database, clock, scope, key)
    await queue(database, clock)
    await drain(delivery)
    assert {name for name, status in (await statuses(database)).items() if status == "queued"} == stopped
    async with database.read() as session:
        active = await holds.active(session)
    rows = {row.dedup_key: row for row in await said(database)}
    assert {name for name, row in rows.items() if holds.covers(active, row)} == stopped
    async with database.write() as session:
        assert await holds.lift(session, held.id, now=clock.now(), by=new_id())
        assert not await holds.lift(session, held.id, now=clock.now(), by=new_id())
    delivery.wake()
    await drain(delivery)
    assert set((await statuses(database)).values()) == {"accepted"}


async def test_a_held_campaign_is_not_in_the_way_of_another_in_the_same_conversation(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, campaign="flu", purpose="education", priority=BULK_PRIORITY)
    [free] = await say(
        database, clock, talk, GREET, campaign="heart", purpose="education", priority=BULK_PRIORITY
    )
    await stop(database, clock, Scope.CAMPAIGN, "flu")
    await drain(delivery)
    assert wechat.refs == [str(free.id)]


async def test_what_is_in_a_vendors_hands_is_beyond_recall_and_its_end_is_kept(
    database: Database, clock: VirtualClock, delivery: Delivery
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    [job] = (await delivery._claim(5)).items
    await stop(database, clock, Scope.ALL)
    await delivery._deliver(job)
    assert [row.status for row in await said(database)] == ["accepted"]


async def test_an_aborted_campaign_is_given_up_for_good(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    await queue(database, clock)
    async with database.write() as session:
        assert await holds.abort_campaign(session, "flu", reason="写错了日期", now=clock.now()) == 1
        assert await holds.abort_campaign(session, "flu", reason="写错了日期", now=clock.now()) == 0
    await drain(delivery)
    rows = {row.dedup_key: row for row in await said(database)}
    ended = rows.pop("campaign")
    assert (ended.status, ended.reason, ended.due_at) == ("suppressed", "写错了日期", None)
    assert {row.status for row in rows.values()} == {"accepted"}
    assert str(ended.id) not in wechat.refs


async def test_a_hold_is_set_once_and_names_something(database: Database, clock: VirtualClock) -> None:
    first = await stop(database, clock, Scope.CAMPAIGN, "flu")
    async with database.write() as session:
        again, new = await holds.hold(session, Scope.CAMPAIGN, "flu", reason="x", now=clock.now())
        assert (again.id, new) == (first.id, False)
        for scope, key in ((Scope.ALL, "flu"), (Scope.CAMPAIGN, "")):
            with pytest.raises(ValueError, match="scope"):
                await holds.hold(session, scope, key, reason="x", now=clock.now())


async def test_a_launcher_is_told_how_many_more_may_wait(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)

    async def room(campaign: str) -> int:
        async with database.read() as session:
            return await letters.room(session, campaign, most=10)

    assert await room("flu") == 10
    for _ in range(7):
        await say(database, clock, talk, GREET, campaign="flu", priority=BULK_PRIORITY)
    assert await room("flu") == 3
    assert await room("heart") == 3  # its share would be five, but there is no more
    for _ in range(3):
        await say(database, clock, talk, GREET, campaign="heart", priority=BULK_PRIORITY)
    assert (await room("flu"), await room("heart")) == (0, 0)
    async with database.write() as session:
        await holds.abort_campaign(session, "flu", reason="x", now=clock.now())
    assert (await room("flu"), await room("heart")) == (5, 7)


async def test_held_bulk_is_not_even_claimed_and_answers_leave(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    """An answer leaves at once however much bulk is held before it."""
    for n in range(30):
        _, talk = await conversation(database, clock, address=f"oTest_{n:022d}")
        await say(database, clock, talk, GREET, campaign="flu", priority=BULK_PRIORITY)
    await stop(database, clock, Scope.CAMPAIGN, "flu")
    _, talk = await conversation(database, clock)
    [answer] = await say(database, clock, talk, GREET)
    assert await delivery.run_once() == 1
    assert wechat.refs == [str(answer.id)]
    assert [row.attempts for row in await said(database) if row.campaign == "flu"] == [0] * 30
