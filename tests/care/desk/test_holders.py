"""What follows from who answers a phone: who may act, what goes out, and who is told that a number on record is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from care.desk import holders
from care.desk.models import DeskTask, TaskKind
from care.merging.service import merge
from care.patients import service as patients
from care.patients.models import Patient, Relation
from channels.contacts.models import Contact, Conversation
from channels.outbox.models import OutboundMessage
from channels.questions import holder
from channels.questions import service as questions
from channels.reply import Reply
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import PEOPLE, World
from tests.factories.messages import SMS, WECHAT, conversation, said, say

WANGS = "+8619900000001"


async def waiting_push(
    database: Database, clock: VirtualClock, talk: Conversation, world: World
) -> OutboundMessage:
    """A reminder about 王秀兰 that the gate holds."""
    [row] = await say(database, clock, talk, Reply("a"), purpose="service_notice", patient_id=world.wang)
    async with database.write() as session:
        found = await session.get(OutboundMessage, row.id)
        assert found is not None
        found.reason, found.due_at = "holder_unknown", clock.now() + timedelta(days=3)
    return row


async def settle(database: Database, clock: VirtualClock, contact: Contact, who: holder.Holder) -> bool:
    async with database.write() as session:
        return await holders.settle(
            session, contact, who, now=clock.now(), due_at=clock.now() + timedelta(hours=8)
        )


async def contact_now(database: Database, contact: Contact) -> Contact:
    async with database.read() as session:
        found = await session.get(Contact, contact.id)
        assert found is not None
        return found


@pytest.mark.parametrize(("who", "relation"), [("self", Relation.SELF), ("family", Relation.OTHER)])
async def test_who_answers_the_number_on_record_may_act_and_what_waited_goes(
    database: Database, world: World, clock: VirtualClock, who: holder.Holder, relation: Relation
) -> None:
    contact, talk = await conversation(database, clock, SMS, WANGS, holder="unknown")
    push = await waiting_push(database, clock, talk, world)
    assert await settle(database, clock, contact, who) is True
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, contact.id)
        due = await session.scalar(select(OutboundMessage.due_at).where(OutboundMessage.id == push.id))
        acts = list(await session.scalars(select(AuditRow.action)))
    assert (linked.patient.id, linked.relation) == (world.wang, relation)
    assert due == clock.now()
    assert (await contact_now(database, contact)).holder == who
    assert f"contact.holder_{who}" in acts


async def test_a_number_that_is_not_on_record_gets_no_link(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact, talk = await conversation(database, clock, SMS, "+8613800000099", holder="unknown")
    await waiting_push(database, clock, talk, world)
    assert await settle(database, clock, contact, "self") is True
    async with database.read() as session:
        assert await patients.patients_of_contact(session, contact.id) == []


async def test_family_at_a_number_bound_as_the_patients_own(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact, _ = await conversation(database, clock, SMS, WANGS, holder="unknown")
    async with database.write() as session:
        await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=clock.now())
    assert await settle(database, clock, contact, "family") is False
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, contact.id)
    assert linked.relation == Relation.OTHER


async def test_a_wrong_number_is_stopped_and_each_record_is_to_be_corrected(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact, talk = await conversation(database, clock, SMS, WANGS, holder="unknown")
    async with database.write() as session:
        await patients.link_contact(session, world.child, contact.id, Relation.CHILD, at=clock.now())
    await waiting_push(database, clock, talk, world)
    for _ in range(2):  # said twice
        assert await settle(database, clock, contact, "wrong") is False
    now = await contact_now(database, contact)
    assert (now.status, now.holder) == ("wrong_number", "wrong")
    assert [(row.status, row.reason) for row in await said(database)] == [("suppressed", "wrong_number")]
    async with database.read() as session:
        tasks = list(await session.scalars(select(DeskTask)))
    assert {(task.kind, task.patient_id) for task in tasks} == {
        (TaskKind.CORRECTION, world.wang),
        (TaskKind.CORRECTION, world.child),
    }
    assert len(tasks) == 2
    assert all("0001" in (task.note or "") and WANGS not in (task.note or "") for task in tasks)
    async with database.write() as session:
        await holders.corrected(session, contact.id, "self", staff_id=new_id(), now=clock.now())
    now = await contact_now(database, contact)
    assert (now.status, now.holder) == ("active", "self")


async def test_nobodys_number_still_opens_a_task(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact, _ = await conversation(database, clock, SMS, "+8613800000098", holder="unknown")
    await settle(database, clock, contact, "wrong")
    async with database.read() as session:
        [task] = await session.scalars(select(DeskTask))
    assert (task.patient_id, task.contact_id) == (None, contact.id)


async def test_the_phone_is_asked_once_and_only_while_nobody_knows(
    database: Database, clock: VirtualClock
) -> None:
    unknown, talk = await conversation(database, clock, SMS, WANGS, holder="unknown")
    known, _ = await conversation(database, clock, SMS, "+8619900000002")
    openid, _ = await conversation(database, clock, WECHAT)
    for _ in range(2):
        async with database.write() as session:
            await holder.ask(session, [unknown.id, known.id, openid.id], clock.now())
    [row] = await said(database)
    assert (row.conversation_id, row.reply["key"], row.purpose) == (talk.id, "holder.ask", "reply")
    async with database.write() as session:
        assert await questions.current(session, talk.id, clock.now()) is None
        assert await questions.on_sending(session, [row], clock.now()) == {}
        asked = await questions.current(session, talk.id, clock.now())
    assert asked is not None
    assert [option.params["holder"] for option in questions.options_of(asked)] == ["self", "family", "wrong"]


async def test_a_record_that_was_merged_is_nobody_else(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """The closed record keeps its number, often the same."""
    async with database.write() as session:
        wang = await session.get_one(Patient, world.wang)
        again = replace(PEOPLE["wang"], record_number="D0009999")
        closed = await patients.create(session, again, clock.now())
        await session.flush()
        await merge(session, closed.id, wang.id, at=clock.now(), actor="system:his")
    contact, talk = await conversation(database, clock, SMS, WANGS, holder="unknown")
    await waiting_push(database, clock, talk, world)
    assert await settle(database, clock, contact, "self") is True
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, contact.id)
    assert (linked.patient.id, linked.relation) == (world.wang, Relation.SELF)
