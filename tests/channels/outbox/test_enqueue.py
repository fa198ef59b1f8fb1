"""Saying something: once under a key, numbered within the conversation, with the question it asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from channels.outbox import service as outbox
from channels.questions import service as questions
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import YES_NO, conversation, said, say


async def test_nothing_is_said_twice_under_one_key(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    assert len(await say(database, clock, talk, Reply("smalltalk.greet"), dedup_key="reply:1:0")) == 1
    assert await say(database, clock, talk, Reply("smalltalk.thank"), dedup_key="reply:1:0") == []
    assert await say(database, clock, talk, Reply("a.b", options=YES_NO), dedup_key="reply:1:0") == []
    assert [one.reply["key"] for one in await said(database)] == ["smalltalk.greet"]
    async with database.read() as session:
        assert await questions.current(session, talk.id, clock.now()) is None


async def test_said_at_once_under_one_key_it_is_said_once(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    made = await asyncio.gather(
        *(say(database, clock, talk, Reply("smalltalk.greet"), dedup_key="k") for _ in range(8))
    )
    assert sum(map(len, made)) == 1
    assert len(await said(database)) == 1


async def test_what_is_said_has_an_order_and_is_not_readable_in_the_database(
    database: Database, clock: VirtualClock
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, Reply("a", {"name": "王秀兰"}), Reply("b"), Reply("c"))
    rows = await said(database)
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})
    assert [row.reply["key"] for row in rows] == ["a", "b", "c"]
    assert (rows[0].status, rows[0].due_at, rows[0].priority) == ("queued", clock.now(), 0)
    async with database.read() as session:
        for raw in await session.scalars(text("SELECT reply_sealed FROM outbound_message")):
            assert "王秀兰".encode() not in raw


async def test_options_open_the_question_they_ask(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    [first] = await say(database, clock, talk, Reply("a", options=YES_NO), instance="booking:confirm")
    async with database.read() as session:
        asked = await questions.current(session, talk.id, clock.now())
    assert asked is not None
    assert (asked.id, asked.instance) == (first.question_id, "booking:confirm")
    assert questions.options_of(asked) == YES_NO
    [second] = await say(database, clock, talk, Reply("b", options=YES_NO))
    async with database.read() as session:
        now_asked = await questions.current(session, talk.id, clock.now())
        before = await questions.get(session, talk.id, asked.id)
    assert now_asked is not None and before is not None
    assert (now_asked.id, now_asked.instance) == (second.question_id, "b")
    assert before.status == "superseded"


async def test_what_is_said_goes_with_its_fact(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            await outbox.enqueue(
                session, talk, Reply("a", options=YES_NO), dedup_key="k", purpose="reply", now=clock.now()
            )
            raise RuntimeError
    assert await said(database) == []


async def test_a_future_message_is_a_row_that_waits(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    due = clock.now() + timedelta(days=2)
    [message] = await say(
        database, clock, talk, Reply("a"), purpose="service_notice", due_at=due, priority=outbox.BULK_PRIORITY
    )
    assert (message.due_at, message.priority, message.purpose) == (due, 9, "service_notice")
