"""The hospital's clock jumps, by hours or days, forwards or back: nothing is taken from who holds it, sent twice, or sent at night."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from channels.outbox.delivery import Delivery
from channels.ports import Outcome, SendResult
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from server.people import CareDesk
from store.clock import VirtualClock
from store.database import Database
from tests.care.gate.conftest import BOOKED, Town
from tests.channels.outbox.conftest import attempts, claim, tasks
from tests.factories.messages import ACCOUNTS, SMS, WECHAT, conversation, said, say
from tests.factories.vendor import Vendor

GREET, THANK = Reply("smalltalk.greet"), Reply("smalltalk.thank")
JUMPS = [timedelta(hours=6), timedelta(days=40), timedelta(hours=-6), timedelta(days=-40)]
ids = [str(jump) for jump in JUMPS]


async def drain(delivery: Delivery) -> None:
    while await delivery.run_once():
        pass


@pytest.mark.parametrize("jump", JUMPS, ids=ids)
async def test_no_lease_is_stolen(
    database: Database,
    clock: VirtualClock,
    worker: Callable[..., Delivery],
    wechat: Vendor,
    jump: timedelta,
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    first, other = worker(), worker()
    [job] = await claim(first, 8)
    clock.advance(jump)
    assert await other.reap() == 0
    assert await other.run_once() == 0
    await first._deliver(job)
    assert [row.status for row in await said(database)] == ["accepted"]
    clock.advance(-jump)
    assert await other.reap() == 0
    assert await other.run_once() == 0
    assert (len(wechat.got), await tasks(database)) == (1, [])


async def test_two_workers_send_once_while_the_clock_leaps_about(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor, database_url: str
) -> None:
    sms.takes = 0.003
    for n in range(12):
        _, talk = await conversation(database, clock, SMS, f"+86199000006{n:02}")
        await say(database, clock, talk, GREET, THANK)
    other, start = Database(database_url), clock.now()
    jumps = itertools.cycle(JUMPS)

    async def work(one: Delivery) -> None:
        for _ in range(25):
            await one.run_once()
            await one.reap()
            clock.freeze(start + next(jumps))

    try:
        one, two = worker(concurrency=4), worker(other, concurrency=4)
        await asyncio.gather(work(one), work(two))
        clock.freeze(start)
        await drain(one)
    finally:
        await other.close()
    assert len(sms.refs) == len(set(sms.refs)) == 24
    assert [row.status for row in await said(database)] == ["accepted"] * 24
    assert await tasks(database) == []


@pytest.mark.parametrize("jump", JUMPS, ids=ids)
async def test_a_try_again_is_neither_lost_nor_doubled(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, jump: timedelta
) -> None:
    wechat.answers = [SendResult(Outcome.RETRY, code="-1", retry_after=60)]
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    await drain(delivery)
    clock.advance(jump)
    await drain(delivery)
    assert len(wechat.got) == (2 if jump > timedelta() else 1)
    clock.advance(abs(jump) + timedelta(hours=1))
    await drain(delivery)
    assert [one.verdict for one in await attempts(database)] == ["retry", "accepted"]
    assert len(wechat.got) == 2


async def test_night_stays_night(database: Database, clock: VirtualClock, catalogue: Catalogue) -> None:
    """Held at 23:00 until the morning; the clock may leap over the morning into the next night, and back again."""
    town, sms = Town(database, clock, catalogue), Vendor()
    delivery = Delivery(database, clock, catalogue, {("sms", ACCOUNTS[SMS]): sms}, town.gate, CareDesk())
    town.at("2026-11-24 23:00")
    who = await town.patient()
    _, talk = await town.contact(SMS, who)
    await say(database, clock, talk, BOOKED, purpose="service_notice", patient_id=who, priority=3)
    seen = []
    for moment in (
        "2026-11-24 23:00",
        "2026-11-25 23:30",
        "2026-11-24 10:00",
        "2026-11-26 03:00",
        "2026-11-25 22:00",
        "2026-11-26 09:00",
        "2026-11-24 09:00",
        "2026-11-27 09:00",
    ):
        town.at(moment)
        await drain(delivery)
        seen.append(len(sms.got))
    assert seen == [0, 0, 0, 0, 0, 1, 1, 1]
    assert {one.verdict for one in await attempts(database)} == {"held", "accepted"}
    assert [row.status for row in await said(database)] == ["accepted"]


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=3)])
async def test_a_step_back_opens_no_window_and_one_forward_closes_it(
    database: Database, clock: VirtualClock, catalogue: Catalogue, back: timedelta
) -> None:
    """The 48 hours count in the hospital's time: over after a leap forward, whatever hangs about from before."""
    town, wechat = Town(database, clock, catalogue), Vendor()
    delivery = Delivery(
        database, clock, catalogue, {("wechat", ACCOUNTS[WECHAT]): wechat}, town.gate, CareDesk()
    )
    town.at("2026-11-24 10:00")
    contact, talk = await town.contact()
    await town.window(contact, 5)
    clock.advance(timedelta(hours=49))
    await say(database, clock, talk, GREET, purpose="staff_reply")
    await drain(delivery)
    assert wechat.got == []
    clock.advance(-timedelta(hours=49) - back)
    await drain(
        delivery
    )  # it was said in what is the future now, and has failed: a step back does not revive it
    assert wechat.got == []
    assert (await said(database))[0].status in ("failed", "suppressed", "passed_on")
