"""Answers by SMS, from the inbox to the rows: who answers the phone, a reminder's digits, words that say no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from actions.appointments import remind
from actions.services import Services
from bot.worker import InboxWorker
from care.appointments import service as appointments
from care.appointments.models import Slot
from care.appointments.views import Booked, Held
from care.desk.models import DeskTask
from care.patients import service as patients
from care.patients.models import Relation
from channels.contacts.models import Contact
from channels.inbox.service import Inbox
from channels.outbox.models import OutboundMessage
from channels.questions import holder
from channels.questions import service as questions
from server.people import CarePeople
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.actions.conftest import build
from tests.factories.engine import EngineSurface
from tests.factories.messages import SMS, conversation, inbound, said

Make = Callable[..., InboxWorker]


async def settle(worker: InboxWorker) -> None:
    while await worker.run_once():
        pass


async def ask_holder(database: Database, clock: VirtualClock) -> Contact:
    """A phone nobody knows, asked who answers it."""
    contact, _ = await conversation(database, clock, SMS, holder="unknown")
    async with database.write() as session:
        await holder.ask(session, [contact.id], clock.now())
    rows = await said(database)
    async with database.write() as session:
        assert await questions.on_sending(session, rows, clock.now()) == {}
    return contact


async def held_by(database: Database, contact: Contact) -> tuple[str, str]:
    async with database.read() as session:
        found = await session.get(Contact, contact.id)
        assert found is not None
        return found.holder, found.status


async def test_a_phone_says_who_answers_without_the_engine(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    contact = await ask_holder(database, clock)
    await engine.down()
    await inbox.accept([inbound("2", SMS)])
    await settle(worker())
    assert await held_by(database, contact) == ("family", "active")
    assert [row.reply["key"] for row in await said(database)] == ["holder.ask", "holder.known"]


async def test_a_wrong_number_is_stopped_until_a_person_has_looked(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    contact = await ask_holder(database, clock)
    for text in ("3", "1"):
        await inbox.accept([inbound(text, SMS)])
        await settle(worker())
    assert await held_by(database, contact) == ("wrong", "wrong_number")
    assert [row.reply["key"] for row in await said(database)][-2:] == ["holder.wrong", "holder.wrong_wrote"]
    async with database.read() as session:
        kinds = list(await session.scalars(select(DeskTask.kind)))
    assert kinds == ["correction", "correction"]
    assert engine.asked == []


async def remind_of_a_visit(
    database: Database, clock: VirtualClock, people: CarePeople
) -> tuple[UUID, OutboundMessage]:
    services: Services = people._services
    contact, talk = await conversation(database, clock, SMS)
    async with database.write() as session:
        world = await build(session, clock)
    async with database.write() as session:
        who = world.people["张伟"]
        await patients.link_contact(session, who, contact.id, Relation.SELF, at=clock.now())
        slot = await session.scalar(
            select(Slot.id).where(Slot.start > clock.now() + timedelta(days=3)).order_by(Slot.start).limit(1)
        )
        assert slot is not None
        held = await appointments.hold(session, slot_id=slot, patient_id=who, now=clock.now())
        assert isinstance(held, Held), held
        done = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="desk")
        assert isinstance(done, Booked)
        which = done.appointment.appointment_id
        row = await remind.remind(session, services, talk, which, now=clock.now())
        assert row is not None
    async with database.write() as session:
        assert await questions.on_sending(session, [row], clock.now()) == {}
    return which, row


async def test_a_confirmed_visit_is_on_the_timeline(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    people: CarePeople,
    engine: EngineSurface,
) -> None:
    await remind_of_a_visit(database, clock, people)
    await inbox.accept([inbound("1", SMS)])
    await settle(worker())
    assert [row.reply["key"] for row in await said(database)][-1] == "reminder.confirmed"
    async with database.read() as session:
        kinds = list(await session.scalars(select(PatientEvent.kind)))
    assert "appointment.confirmed" in kinds
    assert engine.asked == []


async def test_whose_link_was_ended_confirms_nothing_and_reads_no_name(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    people: CarePeople,
    engine: EngineSurface,
) -> None:
    _, row = await remind_of_a_visit(database, clock, people)
    async with database.write() as session:
        assert row.patient_id is not None
        await patients.unlink_contact(session, row.patient_id, row.contact_id, at=clock.now())
    await inbox.accept([inbound("1", SMS)])
    await settle(worker())
    assert (await said(database))[-1].reply["key"] == "reminder.gone"
    async with database.read() as session:
        assert "appointment.confirmed" not in list(await session.scalars(select(PatientEvent.kind)))


async def test_a_digit_that_comes_days_late_still_answers_the_reminder(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    people: CarePeople,
    engine: EngineSurface,
) -> None:
    which, row = await remind_of_a_visit(database, clock, people)
    clock.advance(timedelta(hours=49))
    async with database.read() as session:
        assert await questions.current(session, row.conversation_id, clock.now()) is None
    for text in ("2", "取消", "T"):
        await inbox.accept([inbound(text, SMS)])
        await settle(worker())
        asked = engine.asked[-1]
        assert asked["text"] == "/cancel_appointment", text
        assert asked["metadata"]["params"]["appointment_id"] == which.hex
