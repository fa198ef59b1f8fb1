"""What must not wait: an emergency behind messages the engine cannot take, and a digit that was not meant for this question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select, update

from bot.worker import InboxWorker
from care.alerts.models import Alert
from channels.contacts.models import Conversation
from channels.inbox import queue
from channels.inbox.service import Inbox
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.factories.engine import OK, EngineSurface
from tests.factories.messages import SMS, WECHAT, conversation, inbound, keys, received, said, say

Make = Callable[..., InboxWorker]
DANGER = "我爸突然胸口剧痛喘不上气了"


def asks(key: str) -> dict[str, object]:
    options = (
        Option("a", "第一个", "choose", {"answer": "a"}),
        Option("b", "第二个", "choose", {"answer": "b"}),
    )
    return {**OK, "replies": [Reply(key, {}, options).to_json()]}


async def alerts(database: Database) -> int:
    async with database.read() as session:
        return len(list(await session.scalars(select(Alert))))


async def test_an_emergency_does_not_wait_behind_a_message_while_the_engine_is_away(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    await engine.down()
    await inbox.accept([inbound("我想挂号", SMS), inbound(DANGER, SMS)])
    working = worker()
    await working.run_once()
    await working.run_once()
    assert keys(await said(database)) == ["common.please_wait", "safety.emergency"]
    assert await alerts(database) == 1
    assert [row.status for row in await received(database)] == ["received", "handled"]


async def test_an_emergency_that_comes_while_a_message_waits_for_the_engine_is_answered_at_once(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    await engine.down()
    working = worker()
    await inbox.accept([inbound("我想挂号")])
    await working.run_once()
    await inbox.accept([inbound(DANGER)])
    await working.run_once()
    assert keys(await said(database)) == ["common.please_wait", "safety.emergency"]
    await engine.up()
    clock.advance(timedelta(minutes=1))
    while await working.run_once():
        pass
    assert [row.status for row in await received(database)] == ["handled", "handled"]
    assert engine.texts == ["我想挂号"]


async def test_what_arrives_during_a_failing_turn_is_due_at_once(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([inbound("我想挂号")])
    async with database.write() as session:
        [claimed] = await queue.claim(session, clock.now(), 5)
    await inbox.accept([inbound(DANGER)])
    async with database.write() as session:
        await queue.give_back(session, claimed, clock.now() + timedelta(seconds=10), claimed.messages[0])
    async with database.write() as session:
        [again] = await queue.claim(session, clock.now(), 5)
        assert [message.text for message in again.messages] == ["我想挂号", DANGER]


async def test_each_message_done_keeps_the_conversation_ours(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([inbound("一"), inbound("二")])
    async with database.write() as session:
        [claimed] = await queue.claim(session, clock.now(), 5)
        almost = real_now() + timedelta(seconds=1)
        await session.execute(update(Conversation).values(lease_until=almost))
    async with database.write() as session:
        await queue.finish(session, claimed, claimed.messages[0], clock.now(), last=False)
    async with database.read() as session:
        held_until = await session.scalar(select(Conversation.lease_until))
    assert held_until is not None and held_until > almost + timedelta(seconds=20)


async def test_the_answer_to_an_emergency_overtakes_what_is_queued(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make
) -> None:
    _, talk = await conversation(database, clock, WECHAT)
    await say(database, clock, talk, Reply("common.please_wait"))
    await inbox.accept([inbound(DANGER)])
    await worker().run_once()
    waits, answer = await said(database)
    assert answer.reply["key"] == "safety.emergency"
    assert answer.priority < waits.priority


async def test_a_digit_sent_twice_does_not_answer_the_next_question(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    working = worker()
    engine.answers = [asks("booking.first"), asks("booking.second")]
    await inbox.accept([inbound("我想挂号", SMS)])
    await working.run_once()
    clock.advance(timedelta(seconds=10))
    await inbox.accept([inbound("1", SMS)])
    clock.advance(timedelta(seconds=1))
    await inbox.accept([inbound("1", SMS)])
    clock.advance(timedelta(seconds=1))
    while await working.run_once():
        pass
    assert engine.texts == ["我想挂号", "/choose"]
    assert keys(await said(database))[2:] == ["smalltalk.stale_choice", "booking.second"]
    async with database.read() as session:
        [open_now] = await session.scalars(select(OpenQuestion).where(OpenQuestion.status == "open"))
    assert open_now.reply["key"] == "booking.second"
    clock.advance(timedelta(seconds=5))
    await inbox.accept([inbound("2", SMS)])
    await working.run_once()
    assert engine.asked[-1]["metadata"]["params"] == {"answer": "b"}
