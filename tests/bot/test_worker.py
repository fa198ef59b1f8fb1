"""The inbox worker against an engine that is down, slow, failing or silent: nobody waits in silence, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.worker import MAX_ATTEMPTS, MAX_ENGINE_ERRORS, InboxWorker
from care.alerts.models import Alert
from care.desk.models import DeskTask
from channels.contacts.models import Conversation
from channels.inbox.service import Inbox
from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from server.people import CarePeople
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.factories.engine import OK, SILENT, EngineSurface
from tests.factories.messages import SMS, conversation, inbound, keys, received, said, say

Make = Callable[..., InboxWorker]
ASKS: dict[str, Any] = {
    **OK,
    "replies": [Reply("survey.item", {"n": 1}, (Option("1", "好", "choose", {"answer": "1"}),)).to_json()],
}

UNREADABLE = {**OK, "confidence": "no number"}


async def settle(worker: InboxWorker) -> None:
    """Handle until nothing is due."""
    while await worker.run_once():
        pass


async def statuses(database: Database) -> list[str]:
    return [message.status for message in await received(database)]


async def task_kinds(database: Database) -> list[str]:
    async with database.read() as session:
        return sorted(str(task.kind) for task in await session.scalars(select(DeskTask)))


async def test_a_message_is_answered_in_its_conversation(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    woken: list[int] = []
    await inbox.accept([inbound("几点上班")])
    await settle(worker(delivery_wake=lambda: woken.append(1)))
    [row] = await received(database)
    assert (row.status, row.intent, row.confidence, row.screen) == ("handled", "ask_faq", 0.9, "none")
    [answer] = await said(database)
    assert (answer.reply["key"], answer.inbound_id, answer.dedup_key) == (
        "faq.answer",
        row.id,
        f"reply:{row.id}:0",
    )
    assert engine.asked[0]["metadata"]["inbound_id"] == str(row.id)
    assert (engine.asked[0]["retry"], engine.asked[0]["fresh"]) == (False, False)
    assert woken


async def test_the_engine_knows_the_conversation_by_its_random_id(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    contact, talk = await conversation(database, clock)
    await inbox.accept([inbound("几点上班")])
    await settle(worker())
    assert engine.asked[0]["sender"] == str(talk.engine_id)
    assert contact.address not in str(engine.asked[0])


async def test_messages_of_one_conversation_are_handled_in_order(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    for n in range(5):
        await inbox.accept([inbound(f"第{n}个问题", SMS)])
    await settle(worker())
    assert engine.texts == [f"第{n}个问题" for n in range(5)]
    assert len(await said(database)) == 5


async def test_two_workers_handle_each_message_once(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface, database_url: str
) -> None:
    other = Database(database_url)
    for n in range(12):
        await inbox.accept([inbound(f"{n}:{m}", SMS, address=f"+86199000003{n:02}") for m in "ab"])
    try:
        for _ in range(3):
            await asyncio.gather(worker(concurrency=4).run_once(), worker(other, concurrency=4).run_once())
        await settle(worker())
    finally:
        await other.close()
    assert sorted(engine.texts) == sorted(f"{n}:{m}" for n in range(12) for m in "ab")
    assert await statuses(database) == ["handled"] * 24
    assert len(await said(database)) == 24


async def test_a_message_that_arrives_during_a_turn_does_not_wait_for_the_next_look(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    working = worker()
    inbox._wake = working.wake
    engine.answers = [0.3]
    running = asyncio.create_task(working.run(poll=30))
    try:
        await inbox.accept([inbound("第一")])
        async with asyncio.timeout(10):
            while not engine.asked:
                await asyncio.sleep(0.01)
            await inbox.accept([inbound("第二")])
            while len(await said(database)) < 2:
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await working.drain()
    assert engine.texts == ["第一", "第二"]


@pytest.mark.parametrize("trouble", ["down", "slow", "no_json", 500, 503])
async def test_whatever_ails_the_engine_the_patient_hears_within_five_seconds_and_is_answered_later(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    trouble: str | int,
) -> None:
    if trouble == "down":
        await engine.down()
    elif trouble == "slow":
        engine.answers = [30.0]
    else:
        engine.answers = ["<html>" if trouble == "no_json" else int(trouble)]
    working = worker()
    await inbox.accept([inbound("几点上班"), inbound("在哪停车")])
    started = time.monotonic()
    assert await working.run_once() == 1
    assert time.monotonic() - started < 5
    assert keys(await said(database)) == ["common.please_wait"]
    assert await statuses(database) == ["received", "received"]
    if trouble == "down":
        await engine.up()
    clock.advance(timedelta(seconds=1))
    await settle(working)
    assert await statuses(database) == ["handled", "handled"]
    assert keys(await said(database)) == ["common.please_wait", "faq.answer", "faq.answer"]
    retries = [body["retry"] for body in engine.asked if body["text"] == "几点上班"]
    assert retries == ([True] if trouble == "down" else [False, True])
    assert await task_kinds(database) == []


async def test_a_long_outage_is_said_once_and_ends_in_no_dead_letter(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    working = worker()
    await inbox.accept([inbound("几点上班")])
    await engine.down()
    for _ in range(8):
        assert await working.run_once() == 1
        clock.advance(timedelta(seconds=10))
    await engine.up()
    # What fails now is tried again: the outage did not use up its tries.
    engine.answers = [UNREADABLE]
    await settle(working)
    assert await statuses(database) == ["received"]
    clock.advance(timedelta(seconds=5))
    await settle(working)
    assert await statuses(database) == ["handled"]
    assert keys(await said(database)) == ["common.please_wait", "faq.answer"]


async def test_danger_is_answered_while_the_engine_is_down(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    await engine.down()
    await inbox.accept([inbound("我爸突然胸口剧痛，喘不上气")])
    await settle(worker())
    [row] = await received(database)
    assert (row.status, row.screen) == ("handled", "emergency")
    assert keys(await said(database)) == ["safety.emergency"]
    async with database.read() as session:
        alert = (await session.scalars(select(Alert))).one()
        asked = (await session.scalars(select(OpenQuestion))).one()
    assert (str(alert.kind), alert.inbound_id) == ("emergency", row.id)
    assert asked.instance == f"alert:{alert.id}"


async def test_a_false_alarm_brings_back_the_question_it_interrupted(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    engine.answers = [ASKS]
    await inbox.accept([inbound("我要评价")])
    await inbox.accept([inbound("胸口剧痛喘不上气，不行了")])
    await inbox.accept([inbound("胸口剧痛喘不上气，不行了")])
    await settle(worker())
    await inbox.accept([inbound("1")])
    await settle(worker())
    assert keys(await said(database)) == [
        "survey.item",
        "safety.emergency",
        "safety.emergency",
        "safety.false_alarm",
        "survey.item",
    ]
    await inbox.accept([inbound("1")])
    await settle(worker())
    assert engine.texts == ["我要评价", "/choose"]
    async with database.read() as session:
        alerts = list(await session.scalars(select(Alert).order_by(Alert.opened_at, Alert.id)))
    assert any(alert.false_alarm_at is not None for alert in alerts)
    assert all(str(alert.status) != "closed" for alert in alerts)


async def test_an_action_that_fails_once_is_given_again(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    engine.answers = [SILENT]
    await inbox.accept([inbound("我要挂号")])
    await settle(worker())
    assert keys(await said(database)) == ["faq.answer"]
    assert [(body["retry"], body["fresh"]) for body in engine.asked] == [(False, False), (True, True)]


async def test_an_engine_with_nothing_to_say_hands_over_to_people(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    engine.when = {"我要挂号": SILENT}
    await inbox.accept([inbound("我要挂号"), inbound("几点上班")])
    await settle(worker())
    assert await statuses(database) == ["handled", "handled"]
    assert keys(await said(database)) == ["common.handed_off", "faq.answer"]
    assert "dead_letter" in await task_kinds(database)


async def test_a_dead_letter_does_not_block_what_follows_it(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
) -> None:
    """An answer that cannot be read breaks the turn each time."""
    engine.when = {"坏的": UNREADABLE}
    working = worker()
    await inbox.accept([inbound("坏的"), inbound("好的")])
    for _ in range(MAX_ATTEMPTS):
        await settle(working)
        clock.advance(timedelta(seconds=5))
    await settle(working)
    rows = await received(database)
    assert [row.status for row in rows] == ["dead", "handled"]
    assert (rows[0].attempts, rows[0].dead_reason) == (MAX_ATTEMPTS, "ValueError")
    assert keys(await said(database)) == ["common.handed_off", "faq.answer"]
    assert "dead_letter" in await task_kinds(database)


async def test_an_engine_that_fails_at_one_message_for_ever_does_not_hold_up_the_conversation(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    engine.when = {"毒药": 500}
    working = worker()
    await inbox.accept([inbound("毒药"), inbound("几点上班")])
    for _ in range(MAX_ENGINE_ERRORS):
        await settle(working)
        clock.advance(timedelta(seconds=10))
    await settle(working)
    assert await statuses(database) == ["dead", "handled"]
    assert keys(await said(database)) == ["common.please_wait", "common.handed_off", "faq.answer"]


async def test_who_lost_the_lease_during_the_turn_says_nothing(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    engine.answers = [0.4]
    await inbox.accept([inbound("几点上班")])
    late = asyncio.create_task(worker().run_once())
    while not engine.asked:
        await asyncio.sleep(0.01)
    async with database.write() as session:
        await session.execute(update(Conversation).values(lease_until=real_now() - timedelta(seconds=1)))
    assert await worker().run_once() == 1
    assert await late == 1
    assert len(await said(database)) == 1
    assert await statuses(database) == ["handled"]
    assert [body["retry"] for body in engine.asked] == [False, True]


async def test_the_same_turn_applied_twice_says_it_once(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    await inbox.accept([inbound("几点上班")])
    await settle(worker())
    async with database.write() as session:
        row = (await session.scalars(select(Conversation))).one()
        row.due_at = row.last_inbound_at
    [message] = await received(database)
    async with database.write() as session:
        await session.execute(update(type(message)).values(status="received"))
    await settle(worker())
    assert len(engine.asked) == 2
    assert len(await said(database)) == 1


async def test_what_a_person_has_in_hand_goes_to_the_desk(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    people: CarePeople,
) -> None:
    from care.desk import service as desk

    contact, talk = await conversation(database, clock)
    async with database.write() as session:
        await people.call_a_person(
            session, conversation=talk, contact=contact, inbound_id=talk.id, now=clock.now()
        )
        await desk.take(session, talk.id, staff_id=contact.id, now=clock.now())
    await inbox.accept([inbound("还有件事")])
    await settle(worker())
    assert engine.asked == []
    assert await said(database) == []
    [row] = await received(database)
    assert (row.status, row.resolved) == ("handled", "desk")
    assert "human_request" in await task_kinds(database)


async def test_who_unfollows_gets_nothing_more(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, Reply("smalltalk.greet"))
    await inbox.accept([inbound(kind="event", event="unsubscribe")])
    await settle(worker())
    async with database.read() as session:
        [message] = await session.scalars(select(OutboundMessage))
    assert (message.status, message.reason) == ("suppressed", "unfollowed")


async def test_opting_out_is_kept_and_confirmed_without_the_engine(
    inbox: Inbox, database: Database, worker: Make, engine: EngineSurface
) -> None:
    await engine.down()
    await inbox.accept([inbound("退订", SMS)])
    await settle(worker())
    assert keys(await said(database)) == ["consent.content"]
    assert await statuses(database) == ["handled"]


async def test_a_database_that_goes_away_during_a_turn_costs_a_repeat_not_the_message(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface, tmp_path: Path
) -> None:
    """Neither the answer nor the failure can be recorded: the lease runs out, and another look is taken."""
    from store.database import DatabaseUnavailable

    await inbox.accept([inbound("几点上班")])
    failing = worker()
    transact, calls = failing._database.transact, 0

    async def away(work: Any, doing: str) -> Any:
        nonlocal calls
        if doing in ("turn-apply", "inbox-failed"):
            calls += 1
            raise DatabaseUnavailable("away")
        return await transact(work, doing)

    database.transact = away  # type: ignore[method-assign]
    assert await failing.run_once() == 1
    del database.transact  # type: ignore[attr-defined]
    assert calls == 2
    assert await statuses(database) == ["received"]
    async with database.write() as session:
        await session.execute(update(Conversation).values(lease_until=real_now() - timedelta(seconds=1)))
    await settle(worker())
    assert await statuses(database) == ["handled"]
    assert len(await said(database)) == 1
