"""A person has the conversation: nothing a patient does makes the bot speak, on any path; what burns still does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.worker import InboxWorker
from care.desk import service as desk
from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from channels.contacts.models import Contact, Conversation
from channels.inbox import own
from channels.inbox.service import Inbox
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate
from channels.ports import ChannelName, Inbound
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.ops.site import catalogue
from tests.factories.engine import EngineSurface
from tests.factories.messages import SMS, WECHAT, YES_NO, conversation, inbound, keys, received, said, say

Make = Callable[..., InboxWorker]
NURSE = new_id()


async def settle(worker: InboxWorker) -> None:
    await worker.run_once()
    await worker.drain()


async def take(database: Database, clock: VirtualClock, talk: Conversation) -> None:
    async with database.write() as session:
        assert await desk.take(session, talk.id, staff_id=NURSE, now=clock.now())


def everything(question: OutboundMessage) -> dict[str, Inbound]:
    """Each thing a patient can do on WeChat. `question`: what the bot had asked before the nurse came."""
    old, picture = f"{question.question_id}:yes", {"MediaId": "m1"}
    return {
        "a text": inbound("伤口有点红"),
        "a digit": inbound("1"),
        "the zero for a person": inbound("0"),
        "a tap on the menu that was open": inbound("确认", option_ref=old),
        "a tap on a menu long gone": inbound("确认", option_ref=f"{new_id()}:yes"),
        "a button of the account's menu": inbound("", kind="event", event="click", event_key="BOOK"),
        "the button for a person": inbound("", kind="event", event="click", event_key="HUMAN"),
        "a picture": inbound("", kind="media", event="image", raw=picture),
        "a voice": inbound("", kind="media", event="voice", raw=picture),
        "something WeChat cannot pass on": inbound("", kind="media", event="unsupported"),
        "nothing but signs": inbound("？？"),
        "a wish": inbound("给我推荐文章"),
        "English": inbound("where is the pharmacy"),
        "two requests": inbound("几点上班，另外帮我挂个号"),
        "coming back to the account": inbound("", kind="event", event="subscribe"),
        "a scan": inbound("", kind="event", event="scan", event_key="poster"),
    }


async def test_nothing_on_wechat_makes_it_speak(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    _, talk = await conversation(database, clock)
    [asked] = await say(database, clock, talk, Reply("booking.confirm", options=YES_NO), inbound_id=new_id())
    await take(database, clock, talk)
    for what, message in everything(asked).items():
        await inbox.accept([message])
        await settle(worker())
        assert keys(await said(database)) == ["booking.confirm"], what
        assert engine.asked == [], what
    async with database.write() as session:
        await own.put(
            session,
            talk.id,
            key="heard",
            kind="voice",
            event="heard",
            text="想问一下刚才那件事",
            now=clock.now(),
        )
        await own.put(session, talk.id, key="lost", kind="event", event="unreadable", now=clock.now())
    await settle(worker())
    assert keys(await said(database)) == ["booking.confirm"]
    assert {one.status for one in await received(database)} == {"handled"}


@pytest.mark.parametrize("text", ["1", "T", "N", "取消", "0", "你好", "挂号"])
async def test_nothing_on_sms_makes_it_speak(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface, text: str
) -> None:
    _, talk = await conversation(database, clock, SMS)
    await say(database, clock, talk, Reply("booking.confirm", options=YES_NO), inbound_id=new_id())
    await take(database, clock, talk)
    await inbox.accept([inbound(text, SMS)])
    await settle(worker())
    assert (keys(await said(database)), engine.asked) == (["booking.confirm"], [])


@pytest.mark.parametrize(
    ("text", "key"), [("我爸突然胸口剧痛，喘不上气，出冷汗", "safety.emergency"), ("退订", "consent.content")]
)
async def test_danger_and_leaving_are_answered_all_the_same(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, text: str, key: str
) -> None:
    _, talk = await conversation(database, clock)
    await take(database, clock, talk)
    await inbox.accept([inbound(text)])
    await settle(worker())
    [answer] = await said(database)
    assert answer.reply["key"] == key
    assert await verdict(database, clock, answer) == (
        True,
        "answer" if key != "safety.emergency" else "emergency",
    )


async def test_a_turn_in_flight_when_it_is_taken_is_left_unsaid(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    """The engine had been asked before the nurse came: its answer is kept for her to see, and not sent."""
    _, talk = await conversation(database, clock)
    working = worker()

    async def taken_meanwhile() -> None:
        await take(database, clock, talk)

    engine.meanwhile = taken_meanwhile
    await inbox.accept([inbound("几点上班")])
    await settle(working)
    assert len(engine.asked) == 1
    [answer] = await said(database)
    assert (answer.reply["key"], answer.status) == ("faq.answer", "queued")
    assert await verdict(database, clock, answer) == (False, "person_answers")
    async with database.write() as session:
        await desk.hand_back(session, talk.id, staff_id=NURSE, now=clock.now())
    clock.advance(timedelta(minutes=1))
    engine.meanwhile = None
    await inbox.accept([inbound("几点下班")])
    await settle(working)
    assert await verdict(database, clock, (await said(database))[-1]) == (True, "answer")


async def verdict(database: Database, clock: VirtualClock, message: OutboundMessage) -> tuple[bool, str]:
    gate = Gate(GateRules(), CatalogueWords(catalogue()))
    async with database.write() as session:
        row = await session.get(OutboundMessage, message.id)
        assert row is not None
        contact = await session.get(Contact, row.contact_id)
        assert contact is not None
        [said_of_it] = await gate.check(session, [Candidate(row, contact)], clock.now())
    assert ChannelName(contact.channel) is WECHAT
    return said_of_it.send, said_of_it.reason
