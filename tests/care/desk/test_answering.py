"""A nurse at work: what she sees of whom, what an answer costs, what stops it, canned replies, calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from care.desk import answering, canned, entries, talks, tasks
from care.desk import service as desk
from care.desk.hours import DutyHours
from care.desk.models import CallOutcome, DeskTask, EntryKind, TaskKind
from care.desk.reading import read_conversation
from care.desk.transcript import SHOWN, transcript
from care.desk.weighing import Weigher
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.ports import ChannelName
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.ops.site import catalogue
from tests.factories.messages import SMS, WECHAT, conversation, inbound, keys, said, say
from web.signin.models import Role
from web.signin.service import create_user

HOURS = DutyHours.parse("Mon-Sun 00:00-23:59")
LONG = "请按时服药，每天早晚各量一次血压，记在本子上，下次复诊时带来。" * 4


@dataclass
class Desk:
    database: Database
    clock: VirtualClock
    li: UUID
    zhang: UUID
    words: Catalogue

    @property
    def weigher(self) -> Weigher:
        return Weigher(self.words, {"hospital": "service"}, {"aliyun": "云江示范医院"}, 0.05)

    async def patient(self, name: str = "王秀兰", confidential: bool = False) -> UUID:
        async with self.database.write() as session:
            number = f"K{new_id().hex[-7:]}"
            data = PatientData(number, name, "female", confidential=confidential)
            return (await patients.create(session, data, self.clock.now())).id

    async def asks(
        self, channel: ChannelName = WECHAT, of: UUID | None = None, relation: Relation = Relation.SELF
    ) -> Conversation:
        contact, talk = await conversation(self.database, self.clock, channel)
        async with self.database.write() as session:
            if of is not None:
                await patients.link_contact(session, of, contact.id, relation, at=self.clock.now())
            await desk.start(
                session, talk.id, clock=self.clock, hours=HOURS, note="伤口疼", contact_id=contact.id
            )
        return talk

    async def take(self, talk: Conversation, by: UUID | None = None) -> bool:
        async with self.database.write() as session:
            one = await self.talk(session, talk, by)
            return await answering.take(session, one, staff_id=by or self.li, now=self.clock.now())

    async def talk(self, session: object, talk: Conversation, by: UUID | None = None) -> talks.Talk:
        found = await talks.talk_of(session, talk.id, by or self.li, self.clock.now())  # type: ignore[arg-type]
        assert found is not None
        return found

    async def answer(
        self, talk: Conversation, text: str, key: str = "press-one", by: UUID | None = None
    ) -> bool:
        async with self.database.write() as session:
            return await answering.answer(
                session,
                await self.talk(session, talk, by),
                text,
                staff_id=by or self.li,
                key=key,
                now=self.clock.now(),
                weigher=self.weigher,
            )

    async def lists(self, by: UUID | None = None) -> talks.Talks:
        async with self.database.read() as session:
            return await talks.talks(session, by or self.li, self.clock.now())

    async def calling(self, by: UUID | None = None) -> int:
        async with self.database.read() as session:
            return await talks.calling(session, by or self.li)


@pytest.fixture
async def at_desk(database: Database, clock: VirtualClock) -> Desk:
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 9, 0)))
    words = catalogue()
    words.use_templates(words.sms_templates(), "aliyun")
    async with database.write() as session:
        made = [
            await create_user(
                session, username=name, display_name=name, password="a long password", roles=[Role.NURSE]
            )
            for name in ("li", "zhang")
        ]
        ids = [one.id for one in made]
    return Desk(database, clock, ids[0], ids[1], words)


async def test_the_lists_are_each_readers_own(at_desk: Desk) -> None:
    talk = await at_desk.asks(of=await at_desk.patient())
    lists = await at_desk.lists()
    [one] = lists.waiting
    assert (one.why, one.unread, one.hidden) == ("伤口疼", False, False)
    assert [(who.patient.name, who.relation) for who in one.people] == [("王秀兰", Relation.SELF)]
    assert lists.calling == await at_desk.calling() == 1
    assert await at_desk.take(talk)
    assert not await at_desk.take(talk, at_desk.zhang)
    assert await at_desk.answer(talk, "您好")
    mine, hers = await at_desk.lists(), await at_desk.lists(at_desk.zhang)
    assert [len(mine.mine), len(mine.others), len(hers.mine), len(hers.others)] == [1, 0, 0, 1]
    assert (mine.calling, hers.calling) == (0, 0)
    at_desk.clock.advance(timedelta(minutes=1))
    await Inbox(at_desk.database, at_desk.clock, Spool(None)).accept([inbound("还疼")])
    assert (await at_desk.lists()).mine[0].unread
    assert (await at_desk.calling(), await at_desk.calling(at_desk.zhang)) == (1, 0)
    async with at_desk.database.write() as session:
        await desk.pass_on(
            session, talk.id, staff_id=at_desk.li, to_staff=at_desk.zhang, now=at_desk.clock.now()
        )
    lists = await at_desk.lists()
    assert ([one.id for one in lists.passed], [one.id for one in lists.owned]) == ([talk.id], [talk.id])
    assert await at_desk.calling(at_desk.zhang) == (await at_desk.lists(at_desk.zhang)).calling == 1


async def test_a_confidential_patient_is_for_who_has_them_in_charge(at_desk: Desk) -> None:
    who = await at_desk.patient("欧阳海棠", confidential=True)
    talk = await at_desk.asks(of=who)

    async def read(by: UUID) -> bool:
        async with at_desk.database.write() as session:
            return await read_conversation(
                session,
                conversation_id=talk.id,
                contact_id=talk.contact_id,
                patient_id=None,
                staff_id=by,
                now=at_desk.clock.now(),
                page="conversation",
            )

    [one] = (await at_desk.lists()).waiting
    assert (one.hidden, one.why) == (True, "")
    assert not await read(at_desk.li)
    assert await at_desk.take(talk), "the patient asked for a person"
    assert (await read(at_desk.li), await read(at_desk.zhang)) == (True, False)
    async with at_desk.database.write() as session:
        done, _ = await answering.give_back(
            session, await at_desk.talk(session, talk), "已答复", staff_id=at_desk.li, now=at_desk.clock.now()
        )
        assert done
    assert not await at_desk.take(talk, at_desk.zhang), "nobody takes a conversation to look into it"
    async with at_desk.database.read() as session:
        rows = await session.scalars(
            select(AuditRow.action).where(AuditRow.subject == f"patient:{who}").order_by(AuditRow.id)
        )
        assert list(rows) == ["read_refused", "read", "read_refused"]


async def test_an_answer_is_weighed_before_it_leaves(at_desk: Desk) -> None:
    talk = await at_desk.asks()
    await at_desk.take(talk)
    async with at_desk.database.write() as session:
        contact = await session.get(Contact, talk.contact_id)
        assert contact is not None
        now = at_desk.clock.now()

        async def cannot(text: str) -> tuple[int, str]:
            assert contact is not None
            weight = await at_desk.weigher.weigh(session, contact, text, at_desk.clock.now(), first=True)
            return weight.messages, weight.cannot

        assert await cannot("您好") == (1, ""), "no ledger: WeChat is asked when it comes to it"
        session.add(SendingWindow(contact_id=contact.id, remaining=1, expires_at=now + timedelta(hours=1)))
        await session.flush()
        assert await cannot("您好") == (1, "")
        assert await cannot("您好。" * 600) == (3, "quota")
    at_desk.clock.advance(timedelta(hours=2))
    with pytest.raises(answering.CannotSend, match="window"):
        await at_desk.answer(talk, "您好")
    assert await said(at_desk.database) == []
    async with at_desk.database.write() as session:
        await session.execute(update(Contact).values(status="unfollowed"))
    with pytest.raises(answering.CannotSend, match="unfollowed"):
        await at_desk.answer(talk, "您好")


async def test_too_long_for_an_sms_is_said_before_and_becomes_a_call(at_desk: Desk) -> None:
    who = await at_desk.patient()
    talk = await at_desk.asks(SMS, of=who)
    await at_desk.take(talk)
    with pytest.raises(answering.CannotSend, match="too_long"):
        await at_desk.answer(talk, LONG)
    async with at_desk.database.write() as session:
        contact = await session.get(Contact, talk.contact_id)
        assert contact is not None
        weight = await at_desk.weigher.weigh(
            session, contact, "明天上午来换药", at_desk.clock.now(), first=True
        )
        assert (weight.cannot, weight.price) == ("", pytest.approx(weight.messages * 0.05))
        one = await at_desk.talk(session, talk)
        for expected in (True, False):
            assert expected is await answering.by_phone(
                session,
                one,
                LONG,
                staff_id=at_desk.li,
                key="press-one",
                now=at_desk.clock.now(),
                due=at_desk.clock.now(),
            )
        [task] = await desk.open_tasks(session, kind=TaskKind.CALL)
        assert (task.note, task.patient_id) == (LONG, who)
    assert await at_desk.answer(talk, "明天上午来换药", key="press-two")
    assert not await at_desk.answer(talk, "明天上午来换药", key="press-two")
    assert keys(await said(at_desk.database)) == ["desk.reply"], "the call was the first answer"


async def test_who_has_not_got_it_says_nothing(at_desk: Desk) -> None:
    talk = await at_desk.asks()
    with pytest.raises(desk.NotInCharge) as nobody:
        await at_desk.answer(talk, "您好")
    assert nobody.value.staff_id is None
    await at_desk.take(talk)
    with pytest.raises(desk.NotInCharge) as other:
        await at_desk.answer(talk, "您好", by=at_desk.zhang)
    assert other.value.staff_id == at_desk.li
    assert await said(at_desk.database) == []


async def test_the_transcript_goes_back_page_by_page(at_desk: Desk) -> None:
    talk = await at_desk.asks()
    inbox = Inbox(at_desk.database, at_desk.clock, Spool(None))
    for number in range(SHOWN + 5):
        at_desk.clock.advance(timedelta(seconds=1))
        await inbox.accept([inbound(f"第{number}句")])
    at_desk.clock.advance(timedelta(seconds=1))
    await say(at_desk.database, at_desk.clock, talk, Reply("smalltalk.greet"))
    async with at_desk.database.write() as session:
        entries.enter(
            session, talk.id, EntryKind.NOTE, at=at_desk.clock.now(), staff_id=at_desk.li, text="备注"
        )
    async with at_desk.database.read() as session:
        newest = await transcript(session, talk.id)
        assert [line.side for line in newest.lines[-3:]] == ["patient", "desk", "bot"]
        assert newest.earlier is not None
        older = await transcript(session, talk.id, newest.earlier)
        texts = [line.heard.text for line in (*older.lines, *newest.lines) if line.heard is not None]
        assert texts == [f"第{number}句" for number in range(SHOWN + 5)], "every line once"
        assert older.earlier is None


async def test_canned_replies_are_found_by_a_part(at_desk: Desk) -> None:
    async with at_desk.database.write() as session:

        async def save(by: UUID, title: str, shared: bool, reply_id: UUID | None = None) -> bool:
            return await canned.save(
                session,
                staff_id=by,
                title=title,
                text=f"{title}的说明",
                shared=shared,
                now=at_desk.clock.now(),
                reply_id=reply_id,
            )

        await save(at_desk.li, "换药", True)
        await save(at_desk.li, "门诊换药时间", False)
        await save(at_desk.zhang, "张的换药", False)
        found = await canned.find(session, at_desk.li, "换药")
        assert [one.title for one in found] == ["换药", "门诊换药时间"]
        [hers] = [one for one in await canned.all_of(session, at_desk.zhang) if one.owner_id]
        assert not await save(at_desk.li, "改了", False, hers.id)
        assert not await canned.remove(session, hers.id, staff_id=at_desk.li, now=at_desk.clock.now())
        assert await canned.remove(session, hers.id, staff_id=at_desk.zhang, now=at_desk.clock.now())
        with pytest.raises(ValueError, match="title"):
            await save(at_desk.li, "  ", False)


async def test_a_call_ends_one_way_or_another(at_desk: Desk) -> None:
    now: Callable[[], datetime] = at_desk.clock.now
    async with at_desk.database.write() as session:
        task, _ = await desk.open_task(session, TaskKind.CALL, dedup_key="c", now=now(), due_at=now())
        by = {"staff_id": at_desk.li, "now": now()}
        assert await tasks.called(session, task.id, CallOutcome.NO_ANSWER, **by)  # type: ignore[arg-type]
        assert await tasks.due_tasks(session, at_desk.li, now()) == 0
        assert await tasks.due_tasks(session, at_desk.li, now() + timedelta(hours=1)) == 1
        assert await tasks.due_tasks(session, at_desk.zhang, now() + timedelta(hours=1)) == 0
        assert await tasks.remark(session, task.id, "下午再打")
        assert await tasks.called(session, task.id, CallOutcome.REACHED, **by)  # type: ignore[arg-type]
        assert not await tasks.called(session, task.id, CallOutcome.REACHED, **by)  # type: ignore[arg-type]
        assert await tasks.remark(session, task.id, "已说清")
    async with at_desk.database.write() as session:
        row = await session.get(DeskTask, task.id)
        assert row is not None
        assert (row.status, row.tries, row.outcome, row.remark) == ("done", 1, "reached", "下午再打\n已说清")
        assert [await tasks.undo_task(session, task.id) for _ in range(3)] == [True, True, False]
        assert (row.status, row.assigned_to) == ("open", None)
