"""Conversations as leased rows: in order within one, and nothing that arrives meanwhile is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from channels.contacts.models import Conversation
from channels.inbox import queue
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed, LeaseLost
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.factories.messages import SMS, inbound, received


@pytest.fixture
def inbox(database: Database, clock: VirtualClock, tmp_path) -> Inbox:  # type: ignore[no-untyped-def]
    return Inbox(database, clock, Spool(tmp_path / "spool"))


async def claim(database: Database, clock: VirtualClock, limit: int = 16) -> list[Claimed]:
    async with database.write("claim") as session:
        return await queue.claim(session, clock.now(), limit)


async def finish(
    database: Database, clock: VirtualClock, claimed: Claimed, message: InboundMessage, *, last: bool = True
) -> None:
    async with database.write("finish") as session:
        await queue.finish(session, claimed, message, clock.now(), last=last)


async def due(database: Database, clock: VirtualClock) -> bool:
    async with database.read() as session:
        return await queue.due(session, clock.now())


async def test_a_conversation_is_held_with_its_messages_in_order(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    assert not await due(database, clock)
    await inbox.accept([inbound("一"), inbound("二"), inbound("三")])
    await inbox.accept([inbound("x", SMS)])
    assert await due(database, clock)
    claimed = {one.contact.channel: one for one in await claim(database, clock)}
    assert [message.text for message in claimed["wechat"].messages] == ["一", "二", "三"]
    assert [message.text for message in claimed["sms"].messages] == ["x"]
    assert await claim(database, clock) == []


async def test_finished_is_finished(inbox: Inbox, database: Database, clock: VirtualClock) -> None:
    await inbox.accept([inbound("一"), inbound("二")])
    [held] = await claim(database, clock)
    held.messages[0].screen, held.messages[0].intent = "none", "greet"
    await finish(database, clock, held, held.messages[0], last=False)
    assert await claim(database, clock) == []
    await finish(database, clock, held, held.messages[1])
    assert await claim(database, clock) == []
    assert not await due(database, clock)
    rows = await received(database)
    assert [row.status for row in rows] == ["handled", "handled"]
    assert (rows[0].screen, rows[0].intent, rows[0].handled_at) == ("none", "greet", clock.now())


@pytest.mark.parametrize("handled", [True, False])
async def test_a_message_that_arrives_while_the_conversation_is_held_is_not_lost(
    inbox: Inbox, database: Database, clock: VirtualClock, handled: bool
) -> None:
    await inbox.accept([inbound("一")])
    [held] = await claim(database, clock)
    await inbox.accept([inbound("二")])
    if handled:
        await finish(database, clock, held, held.messages[0])
    else:
        async with database.write() as session:
            await queue.give_back(session, held, clock.now() + timedelta(seconds=2), held.messages[0])
        clock.advance(timedelta(seconds=2))
    [again] = await claim(database, clock)
    assert [message.text for message in again.messages] == (["二"] if handled else ["一", "二"])


async def test_a_message_that_arrives_while_nothing_seemed_to_wait_is_not_lost(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([inbound("一")])
    async with database.write() as session:
        await session.execute(update(InboundMessage).values(status="handled"))
    [held] = await claim(database, clock)
    assert held.messages == []
    await inbox.accept([inbound("二")])
    async with database.write() as session:
        await queue.give_back(session, held, None)
    [again] = await claim(database, clock)
    assert [message.text for message in again.messages] == ["二"]
    async with database.write() as session:
        await session.execute(update(InboundMessage).values(status="handled"))
        await queue.give_back(session, again, None)
    assert not await due(database, clock)


async def test_messages_that_keep_arriving_are_each_handled_once_in_order(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    seen: list[str] = []
    running = asyncio.Event()

    async def worker() -> None:
        while not (running.is_set() and not await due(database, clock)):
            for held in await claim(database, clock):
                for n, message in enumerate(held.messages):
                    seen.append(message.text)
                    await finish(database, clock, held, message, last=n == len(held.messages) - 1)
            await asyncio.sleep(0)

    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for n in range(25):
        await inbox.accept([inbound(str(n), SMS)])
    running.set()
    await asyncio.gather(*workers)
    assert seen == [str(n) for n in range(25)]


async def test_given_back_it_waits_and_keeps_count(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([inbound("一")])
    [held] = await claim(database, clock)
    held.messages[0].attempts = 2
    async with database.write() as session:
        await queue.give_back(session, held, clock.now() + timedelta(seconds=5), held.messages[0])
    assert await claim(database, clock) == []
    clock.advance(timedelta(seconds=5))
    [again] = await claim(database, clock)
    assert again.messages[0].attempts == 2
    assert again.conversation.attempts == 2


async def test_who_lost_the_lease_applies_nothing(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([inbound("一")])
    [late] = await claim(database, clock)
    async with database.write() as session:
        await session.execute(update(Conversation).values(lease_until=real_now() - timedelta(seconds=1)))
    [now] = await claim(database, clock)
    with pytest.raises(LeaseLost):
        await finish(database, clock, late, late.messages[0])
    with pytest.raises(LeaseLost):
        async with database.write() as session:
            await queue.give_back(session, late, None)
    [row] = await received(database)
    assert row.status == "received"
    await finish(database, clock, now, now.messages[0])
    async with database.read() as session:
        talk = (await session.scalars(select(Conversation))).one()
    assert (talk.handled_seq, talk.attempts, talk.lease_token) == (1, 0, None)
