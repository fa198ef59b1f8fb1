"""The message to who is overdue: offered times that book, and 已在别处看过 that ends the search."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from actions import asides
from actions.asides import Aside, Heard
from actions.followup import inviting
from care.followup.models import Loss, Stage
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.actions.conftest import build
from tests.factories.messages import conversation, said
from tests.factories.people import care_people


async def test_invited_once_with_times_and_ended_by_an_answer(
    database: Database, clock: VirtualClock
) -> None:
    clock.freeze(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    services = care_people(database, clock)._services
    contact, talk = await conversation(database, clock)
    stranger, _ = await conversation(database, clock, address="somebody-else")
    async with database.write() as session:
        world = await build(session, clock)
        who = world.people["张伟"]
        await patients.link_contact(session, who, contact.id, Relation.SELF, at=clock.now())
        loss = Loss(
            patient_id=who,
            rule="chronic",
            since=clock.local().date(),
            department_id=world.departments["眼科"],
            stage=Stage.PATIENT,
            told=True,
            noticed_at=clock.now(),
            stage_at=clock.now(),
        )
        session.add(loss)
        await session.flush()
        assert await inviting.invite(services, "aliyun", session, loss, clock.now())
        assert await inviting.invite(services, "aliyun", session, loss, clock.now())
    [message] = await said(database)
    reply = Reply.from_json(message.reply)
    assert (reply.key, message.purpose, message.patient_id) == ("followup.overdue", "follow_up", who)
    assert [one.id for one in reply.options] == ["time0", "time1", "book", "elsewhere"]
    assert all(UUID(one.params["slot_id"]) for one in reply.options[:2])
    aside = Aside(str(reply.options[-1].params["aside"]), reply.options[-1].params)
    async with database.write() as session:
        other = Heard(services, stranger, talk, new_id(), clock.now())
        assert [one.key for one in await asides.answer(session, other, aside)] == ["smalltalk.stale_choice"]
        heard = Heard(services, contact, talk, new_id(), clock.now())
        assert [one.key for one in await asides.answer(session, heard, aside)] == ["followup.elsewhere"]
    async with database.read() as session:
        row = await session.get_one(Loss, loss.id)
        assert (row.stage, row.reason) == (Stage.LOST, "transferred")


async def test_nobody_to_write_to(database: Database, clock: VirtualClock) -> None:
    services = care_people(database, clock)._services
    async with database.write() as session:
        nobody = await patients.create(session, PatientData("N1", "赵一", "female"), clock.now())
        loss = Loss(patient_id=nobody.id)
        assert not await inviting.invite(services, "aliyun", session, loss, clock.now())
