"""How fast accounts are used: no faster than they may be, together with other processes, and conversation first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from limits import RateLimitItemPerHour

from channels.outbox.delivery import Delivery
from channels.outbox.rates import LOOK_AGAIN, Rates, reserve
from channels.outbox.service import BULK_PRIORITY
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS, conversation, said, say
from tests.factories.servers import Valkey
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")
KEY = ("sms", "aliyun")


@pytest.fixture(params=["memory", "redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Rates, Rates]]:
    """The limits as two workers see them: of one process, or of two that share a Redis."""
    if request.param == "memory":
        one = Rates({KEY: 8})
        yield one, one
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    pair = Rates({KEY: 8}, valkey.url), Rates({KEY: 8}, valkey.url)
    await pair[0].clear()
    yield pair
    for rates in pair:
        await rates.close()


async def test_so_many_go_and_who_comes_later_waits(pair: tuple[Rates, Rates]) -> None:
    """Whichever of the two is asked. The window is an hour here: the test does not depend on how fast it runs."""
    for rates in pair:
        rates._items[KEY] = RateLimitItemPerHour(8, namespace="banyi")
    await pair[0].clear()
    for n in range(8):
        await pair[n % 2].wait(KEY)
    assert [await rates.places() for rates in pair] == [{"sms/aliyun": (0, 0)}] * 2
    late = [asyncio.create_task(rates.wait(KEY)) for rates in pair]
    await asyncio.sleep(3 * LOOK_AGAIN)
    assert not any(task.done() for task in late)
    await pair[0].clear()
    await asyncio.gather(*late)
    assert await pair[0].places() == {"sms/aliyun": (6, 4)}


async def test_places_tell_what_is_left_and_bulk_leaves_a_share(pair: tuple[Rates, Rates]) -> None:
    one, other = pair
    assert await one.places() == {"sms/aliyun": (8, 6)}
    for _ in range(6):
        await one.wait(KEY)
    assert await other.places() == {"sms/aliyun": (2, 0)}


async def test_an_account_that_is_not_limited_never_waits() -> None:
    rates = Rates({KEY: 1, ("wechat", "hospital"): 0})
    async with asyncio.timeout(1):
        for _ in range(200):
            await rates.wait(("wechat", "hospital"))
    assert list(await rates.places()) == ["sms/aliyun"]


@pytest.mark.parametrize(("places", "kept"), [(0, 0), (1, 0), (2, 1), (8, 2), (24, 6)])
def test_the_share_of_conversation(places: int, kept: int) -> None:
    assert reserve(places) == kept


async def test_only_so_many_are_claimed_as_may_leave_and_other_accounts_go_on(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor, wechat: Vendor
) -> None:
    """What cannot leave yet stays queued: a death meanwhile makes nothing uncertain."""
    for n in range(12):
        _, talk = await conversation(database, clock, SMS, f"+86199000004{n:02}")
        await say(database, clock, talk, GREET)
        _, other = await conversation(database, clock, address=f"oTest_{n:022d}")
        await say(database, clock, other, GREET)
    await worker(rates=Rates({KEY: 4})).run_once()
    assert (len(sms.got), len(wechat.got)) == (4, 12)
    assert sorted(row.status for row in await said(database)) == ["accepted"] * 16 + ["queued"] * 8


async def test_bulk_never_takes_the_rate_or_the_places_of_conversation(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor
) -> None:
    for n in range(20):
        _, talk = await conversation(database, clock, SMS, f"+86199000004{n:02}")
        await say(database, clock, talk, GREET, priority=BULK_PRIORITY, purpose="code")
    delivery = worker(concurrency=8, rates=Rates({KEY: 8}))
    bulk = (await delivery._claim(8)).items
    assert len(bulk) == 6
    _, talk = await conversation(database, clock, SMS, "+8619900000500")
    [answer] = await say(database, clock, talk, GREET)
    delivery.wake()
    taken = (await delivery._claim(2)).items
    assert [job.message.id for job in taken] == [answer.id]
    await asyncio.gather(*(delivery._deliver(job) for job in (*bulk, *taken)))
    assert len(sms.got) == 7


async def test_a_conversation_is_answered_while_bulk_keeps_every_place_busy(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor
) -> None:
    sms.takes = 0.05
    for n in range(60):
        _, talk = await conversation(database, clock, SMS, f"+86199000004{n:02}")
        await say(database, clock, talk, GREET, priority=BULK_PRIORITY, purpose="code")
    _, talk = await conversation(database, clock, SMS, "+8619900000500")
    delivery = worker(concurrency=4)
    running = asyncio.create_task(delivery.run(poll=0.05))
    try:
        async with asyncio.timeout(20):
            while len(sms.got) < 9:
                await asyncio.sleep(0.01)
            [answer] = await say(database, clock, talk, GREET)
            before = len(sms.got)
            delivery.wake()
            while str(answer.id) not in sms.refs:
                await asyncio.sleep(0.01)
            place = sms.refs.index(str(answer.id))
            while len(sms.got) < 61:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await delivery.drain()
    assert place - before < 30  # of fifty that were ahead of it
    assert sms.most <= 4
