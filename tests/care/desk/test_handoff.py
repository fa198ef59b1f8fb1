"""Who has a conversation: two at once, passed on, owned, handed back, gone stale."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from care.desk import entries
from care.desk import service as desk
from care.desk.hours import DutyHours
from care.desk.models import Handoff, TaskKind
from care.desk.replies import staff_reply
from care.desk.stale import give_back_stale
from channels.contacts.models import Conversation, SendingWindow
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.ports import ChannelName
from channels.questions import service as questions
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import SMS, WECHAT, YES_NO, conversation, inbound, keys, said, say

LI, ZHANG = new_id(), new_id()
HOURS = DutyHours.parse("Mon-Sun 00:00-23:59")
AFTER = timedelta(minutes=30)


async def row(database: Database) -> Handoff:
    async with database.read() as session:
        return (await session.scalars(select(Handoff))).one()


async def taken(
    database: Database, clock: VirtualClock, by: UUID = LI, channel: ChannelName = WECHAT
) -> Conversation:
    """A conversation a person was asked for in, and taken."""
    contact, talk = await conversation(database, clock, channel)
    async with database.write() as session:
        await desk.start(session, talk.id, clock=clock, hours=HOURS, contact_id=contact.id)
        assert await desk.take(session, talk.id, staff_id=by, now=clock.now())
    return talk


async def answer(
    database: Database, clock: VirtualClock, talk: Conversation, by: UUID, **values: str
) -> None:
    async with database.write() as session:
        await staff_reply(session, talk, "您好", by, clock.now(), **values)  # type: ignore[arg-type]


async def test_of_two_at_once_one_has_it(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)

    async def take(by: UUID) -> bool:
        async with database.write() as session:
            return await desk.take(session, talk.id, staff_id=by, now=clock.now())

    assert sorted(await asyncio.gather(*(take(new_id()) for _ in range(6)))) == [False] * 5 + [True]


async def test_the_first_to_answer_owns_it_through_every_hand(
    database: Database, clock: VirtualClock
) -> None:
    talk = await taken(database, clock)
    await answer(database, clock, talk, LI)
    with pytest.raises(desk.NotInCharge):
        await answer(database, clock, talk, ZHANG)
    async with database.write() as session:
        assert not await desk.pass_on(session, talk.id, staff_id=ZHANG, to_staff=LI, now=clock.now())
        assert await desk.pass_on(
            session, talk.id, staff_id=LI, to_group="head_nurse", note="请看一下伤口", now=clock.now()
        )
        held = await desk.in_charge(session, talk.id)
        assert held is not None
        assert (held.state, held.staff_id) == ("taken", None), "nobody has it, and the bot is silent"
    async with database.write() as session:
        assert await desk.take(session, talk.id, staff_id=ZHANG, now=clock.now())
        assert not await desk.hand_back(session, talk.id, staff_id=LI, now=clock.now())
        assert await desk.hand_back(session, talk.id, staff_id=ZHANG, summary="伤口照片正常", now=clock.now())
        assert [one.kind for one in await entries.of(session, talk.id)] == [
            *("asked", "taken", "passed", "taken", "back"),
        ]
    clock.advance(timedelta(days=6))
    async with database.write() as session:
        await desk.start(session, talk.id, clock=clock, hours=HOURS)
    assert (await row(database)).owner_id == LI, "asked again within a week"
    async with database.write() as session:
        await desk.take(session, talk.id, staff_id=ZHANG, now=clock.now())
        await desk.hand_back(session, talk.id, staff_id=ZHANG, now=clock.now())
    clock.advance(timedelta(days=8))
    async with database.write() as session:
        await desk.start(session, talk.id, clock=clock, hours=HOURS)
    assert (await row(database)).owner_id is None


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_the_first_answer_says_what_it_is_not(
    database: Database, clock: VirtualClock, channel: ChannelName
) -> None:
    talk = await taken(database, clock, channel=channel)
    for press in ("a", "a", "b"):
        await answer(database, clock, talk, LI, dedup_key=press)
    assert keys(await said(database)) == ["desk.reply_first", "desk.reply"]


async def test_handed_back_the_bot_begins_anew(database: Database, clock: VirtualClock) -> None:
    talk = await taken(database, clock)
    await say(database, clock, talk, Reply("booking.confirm", options=YES_NO), inbound_id=new_id())
    async with database.write() as session:
        assert await questions.current(session, talk.id, clock.now()) is not None
        assert await desk.hand_back(session, talk.id, staff_id=LI, now=clock.now())
    async with database.read() as session:
        assert await questions.current(session, talk.id, clock.now()) is None
        after = await session.get(Conversation, talk.id)
        assert after is not None
        assert after.engine_id != talk.engine_id


async def sweep(database: Database, clock: VirtualClock) -> int:
    async with database.write() as session:
        return await give_back_stale(
            session,
            clock=clock,
            hours=HOURS,
            after=AFTER,
            within=AFTER,
            promised=lambda due: clock.local(due).strftime("%H:%M"),
        )


async def test_nobody_answers_and_the_patient_is_told(database: Database, clock: VirtualClock) -> None:
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 9, 0)))
    talk = await taken(database, clock)
    clock.advance(AFTER - timedelta(minutes=1))
    assert await sweep(database, clock) == 0
    clock.advance(timedelta(minutes=2))
    assert await sweep(database, clock) == 1
    assert await sweep(database, clock) == 0
    [told] = await said(database)
    assert (told.reply["key"], told.reply["params"]) == ("desk.stale", {"until": "10:01"})
    now = await row(database)
    assert (now.state, now.staff_id) == ("waiting", None), "the bot answers, a person is asked for again"
    async with database.read() as session:
        assert [one.status for one in await desk.open_tasks(session, kind=TaskKind.HUMAN_REQUEST)] == ["open"]
        assert await session.get(Conversation, talk.id) is not None


async def test_a_talk_that_is_over_goes_back_in_the_end(database: Database, clock: VirtualClock) -> None:
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 9, 0)))
    talk = await taken(database, clock)
    await answer(database, clock, talk, LI)
    clock.advance(timedelta(hours=7))
    assert await sweep(database, clock) == 0, "the patient may still come back with the answer"
    clock.advance(timedelta(hours=2))
    async with database.write() as session:
        session.add(SendingWindow(contact_id=talk.contact_id, remaining=0, expires_at=clock.now()))
    assert await sweep(database, clock) == 1
    assert (await row(database)).state == "back"
    assert keys(await said(database)) == ["desk.reply_first"], (
        "WeChat's window is shut: nobody is rung up for it"
    )


async def test_what_the_patient_writes_meanwhile_is_not_left(database: Database, clock: VirtualClock) -> None:
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 9, 0)))
    talk = await taken(database, clock)
    await answer(database, clock, talk, LI)
    clock.advance(timedelta(hours=2))
    await Inbox(database, clock, Spool(None)).accept([inbound("量好了，38度2")])
    clock.advance(AFTER - timedelta(minutes=1))
    assert await sweep(database, clock) == 0
    clock.advance(timedelta(minutes=2))
    assert await sweep(database, clock) == 1
    assert (await row(database)).state == "waiting"
