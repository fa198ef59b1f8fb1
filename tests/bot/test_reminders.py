"""Reminders by chat, from the inbox to the rows, without the engine: asked for, agreed to, sent, answered, stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from bot.worker import InboxWorker
from care.alerts.models import Alert
from care.consents import service as consents
from care.consents.models import Purpose
from care.observations.models import Observation
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from care.reminders.models import Reminder
from care.reminders.worker import ReminderWorker
from channels.inbox.service import Inbox
from channels.ports import ChannelName
from channels.questions import service as questions
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import build, catalogue
from tests.factories.engine import EngineSurface
from tests.factories.messages import SMS, WECHAT, conversation, inbound, keys, said

Make = Callable[..., InboxWorker]
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, 09:00 in China."""


async def bound(database: Database, clock: VirtualClock, channel: ChannelName = WECHAT) -> UUID:
    """张伟 with this contact, who agreed to follow-up."""
    clock.freeze(MORNING)
    contact, _ = await conversation(database, clock, channel)
    async with database.write() as session:
        who = (await build(session, clock)).people["张伟"]
        await patients.link_contact(session, who, contact.id, Relation.SELF, at=clock.now())
        await consents.decide(
            session,
            subject="patient",
            subject_id=who,
            purpose=Purpose.FOLLOW_UP,
            granted=True,
            text_version="1",
            channel="wechat",
            now=clock.now(),
        )
    return who


class Talk:
    def __init__(self, inbox: Inbox, worker: InboxWorker, database: Database, channel: ChannelName) -> None:
        self.inbox, self.worker, self.database, self.channel = inbox, worker, database, channel

    async def say(self, text: str) -> str:
        """The key of the last thing said in return."""
        await self.inbox.accept([inbound(text, self.channel)])
        while await self.worker.run_once():
            pass
        return keys(await said(self.database))[-1]


async def reminders(database: Database) -> list[Reminder]:
    async with database.read() as session:
        return list(await session.scalars(select(Reminder).order_by(Reminder.id)))


async def test_from_the_wish_to_a_reading_that_rings(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    await bound(database, clock)
    await engine.down()
    talk, sender = Talk(inbox, worker(), database, WECHAT), ReminderWorker(database, clock)
    assert await talk.say("每天早上8点和晚上7点提醒我量血压") == "remind.sure"
    assert [one.status for one in await reminders(database)] == ["proposed"]
    assert await sender.once() == 0
    assert await talk.say("1") == "remind.set_blood_pressure"
    row = (await reminders(database))[0]
    assert (row.status, row.times) == ("active", ["08:00", "19:00"])
    assert clock.local_naive(row.due_at) == datetime(2026, 11, 23, 19, 0)
    clock.freeze(row.due_at)
    assert [await sender.once(), await sender.once()] == [1, 0]
    sent = (await said(database))[-1]
    assert (sent.reply["key"], sent.purpose) == ("remind.blood_pressure", "service_notice")

    clock.advance(timedelta(minutes=10))
    assert await talk.say("85/130") == "remind.odd"
    assert await talk.say("130/85") == "remind.kept"
    async with database.read() as session:
        kept = (await session.scalars(select(Observation).order_by(Observation.value.desc()))).all()
        assert [(one.code, one.value, one.source) for one in kept] == [
            ("8480-6", 130.0, "patient"),
            ("8462-4", 85.0, "patient"),
        ]
        assert await session.scalar(select(func.count()).select_from(Alert)) == 0
    await talk.say("192/112")
    async with database.read() as session:
        assert (await session.scalars(select(Alert))).first() is not None

    assert await talk.say("停止提醒") == "remind.stopped"
    clock.advance(timedelta(days=2))
    assert await sender.once() == 0
    assert await talk.say("我的提醒") == "remind.none"
    assert engine.asked == []


async def test_what_is_too_late_is_left_out_and_a_new_time_takes_the_old_ones_place(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    await bound(database, clock, SMS)
    talk, sender = Talk(inbox, worker(), database, SMS), ReminderWorker(database, clock)
    assert await talk.say("提醒我吃药") == "remind.when"
    assert await talk.say("1") == "remind.sure"
    assert await talk.say("1") == "remind.set_medication"
    before = len(await said(database))
    clock.freeze(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))  # 12:00: the one of 08:00 could not be sent
    assert await sender.once() == 1
    assert len(await said(database)) == before
    assert await talk.say("每天早上6点提醒我吃药") == "remind.sure_moved"
    assert await talk.say("1") == "remind.set_medication"
    assert [(one.status, one.times) for one in await reminders(database)] == [
        ("stopped", ["08:00"]),
        ("active", ["08:00"]),
    ]
    row = (await reminders(database))[1]
    clock.freeze(row.due_at)
    await sender.once()
    assert await talk.say("吃了") == "remind.taken"
    async with database.read() as session:
        asked = await questions.current(session, row.conversation_id, clock.now())
        assert asked is None
    assert engine.asked == []


RENDERED: dict[str, Callable[[Catalogue, Reply], str]] = {
    WECHAT: lambda words, reply: words.render_wechat(reply, None).text,
    SMS: lambda words, reply: getattr(words.render_sms(reply), "text", ""),
}


async def measuring(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, channel: ChannelName
) -> Talk:
    """Reminded of the glucose a moment ago."""
    talk = Talk(inbox, worker(), database, channel)
    assert await talk.say("每天早上8点提醒我测血糖") == "remind.sure"
    assert await talk.say("1") == "remind.set_glucose"
    due = (await reminders(database))[0].due_at
    assert due is not None
    clock.freeze(due)
    assert await ReminderWorker(database, clock).once() == 1
    return talk


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_a_low_glucose_rings_and_is_told_what_to_do_not_what_it_is(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    channel: ChannelName,
) -> None:
    await bound(database, clock, channel)
    talk = await measuring(inbox, database, clock, worker, channel)
    assert await talk.say("6.8") == "remind.kept"
    before = len(await said(database))
    await talk.say("2.8")
    new = (await said(database))[before:]
    assert {one.reply["key"] for one in new} == {"flag.reading_emergency", "remind.kept"}
    (urgent,) = [one for one in new if one.reply["key"].startswith("flag.")]
    assert urgent.priority == -1
    text = RENDERED[channel](catalogue(), Reply.from_json(urgent.reply))
    assert "120" in text and not any(word in text for word in ("低血糖", "糖尿病", "诊断", "剂量", "胰岛素"))
    async with database.read() as session:
        (alert,) = (await session.scalars(select(Alert))).all()
        assert (alert.severity, alert.rule) == ("emergency", "glucose-very-low")
        values = await session.scalars(select(Observation.value).order_by(Observation.value))
        assert list(values) == [2.8, 6.8]
    assert engine.asked == []


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_a_reading_the_safety_screen_stops_at_is_kept_with_one_alert(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    channel: ChannelName,
) -> None:
    who = await bound(database, clock, channel)
    talk = await measuring(inbox, database, clock, worker, channel)
    before = len(await said(database))
    await talk.say("血糖2.8")
    assert keys((await said(database))[before:]) == ["safety.emergency"], "the alarm's own answer alone"
    async with database.read() as session:
        (alert,) = (await session.scalars(select(Alert))).all()
        (kept,) = (await session.scalars(select(Observation))).all()
    assert (kept.patient_id, kept.code, kept.value, kept.source) == (who, "15074-8", 2.8, "patient")
    assert alert.severity == "emergency"
    assert await talk.say("1") == "safety.false_alarm", "the conversation goes on as after any alarm"
    assert engine.asked == []


async def test_without_consent_nothing_is_kept_and_it_says_so(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    who = await bound(database, clock)
    talk = await measuring(inbox, database, clock, worker, WECHAT)
    async with database.write() as session:
        await consents.decide(
            session, subject="patient", subject_id=who, purpose=Purpose.FOLLOW_UP, granted=False, text_version="1",
            channel="wechat", now=clock.now(),
        )  # fmt: skip
    assert await talk.say("2.8") == "remind.no_consent"
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Observation)) == 0


@pytest.mark.parametrize("status", [PatientStatus.DIED, PatientStatus.MOVED])
async def test_nobody_is_reminded_who_died_or_moved(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    status: PatientStatus,
) -> None:
    who = await bound(database, clock)
    await measuring(inbox, database, clock, worker, WECHAT)
    async with database.write() as session:
        await patients.set_status(
            session, await session.get_one(Patient, who), status, at=clock.now(), actor="test"
        )
    assert [(one.status, one.due_at) for one in await reminders(database)] == [("stopped", None)]
    clock.advance(timedelta(days=1))
    assert await ReminderWorker(database, clock).once() == 0
