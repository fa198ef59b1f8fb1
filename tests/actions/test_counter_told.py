"""What the counter does reaches the patient: booked with a calendar file, moved with three answers, cancelled; 我到了 from the chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

from icalendar import Calendar
from sqlalchemy import select

from actions.appointments.told import tell_counter
from actions.services import Services
from care.appointments import counter, slots
from care.appointments.feeds import files, links
from care.appointments.notices import service as notices
from care.appointments.notices.models import NoticeKind
from care.appointments.pages.shared import words
from care.appointments.queue import service as queue
from care.appointments.queue.models import QueueTicket
from care.appointments.views import Booked, Held
from care.appointments.waitlist import service as waitlist
from care.desk.models import DeskTask
from care.patients import service as patients
from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable

Talker = Callable[..., Awaitable[Talk]]
NURSE = uuid4()


async def _booked(database: Database, clock: VirtualClock, doctor: UUID, patient: UUID) -> UUID:
    async with database.write() as session:
        [one] = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await counter.keep(session, one.slot_id, patient, now=clock.now())
        assert isinstance(held, Held)
        done = await counter.book(session, held.hold_id, staff_id=NURSE, now=clock.now())
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def _told(services: Services) -> int:
    async with services.database.write() as session:
        return await tell_counter(session, services, "acc")


async def _said(database: Database) -> list[Reply]:
    async with database.read() as session:
        rows = await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id))
        return [Reply.from_json(one.reply) for one in rows]


async def test_booked_moved_and_cancelled_at_the_counter(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    mine = await _booked(database, clock, world.doctors["李敏"], world.people["张伟"])
    assert await _told(services) == 1
    assert await _told(services) == 0
    async with database.write() as session:
        [slot] = await slots.find_slots(
            session, now=clock.now(), practitioner_id=world.doctors["李敏"], limit=1
        )
        moved = await counter.move(session, mine, slot.slot_id, staff_id=NURSE, now=clock.now())
        assert isinstance(moved, Booked)
    assert await _told(services) == 0
    clock.advance(timedelta(minutes=1))
    assert await _told(services) == 1
    new = moved.appointment.appointment_id
    async with database.write() as session:
        await counter.cancel(session, new, counter.CancelReason.DOCTOR, staff_id=NURSE, now=clock.now())
    assert await _told(services) == 1
    first, second, third = await _said(database)
    for one in (first, second, third):
        readable(one, "wechat")
    assert [first.key, second.key, third.key] == ["booking.booked", "desk.moved", "desk.cancelled"]
    assert [option.id for option in second.options] == ["confirm", "cancel", "move"]
    assert third.options[0].intent == "book_appointment"

    # the file in the first message follows the appointment to its end
    token = first.params["calendar"].rpartition("/")[2].removesuffix(".ics")
    async with database.read() as session:
        link = await links.find(session, token)
        assert link is not None
        assert link.appointment_id == mine
        body = files.of_visit(await files.visit(session, mine), words, clock.now())
    [event] = Calendar.from_ical(body).walk("VEVENT")
    assert (event["STATUS"], event["SEQUENCE"], event["UID"]) == ("CANCELLED", 3, f"visit-{mine}@banyi")
    assert talk.services is services


async def test_what_was_changed_since_is_not_told(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    mine = await _booked(database, clock, world.doctors["李敏"], world.people["张伟"])
    async with database.write() as session:
        await counter.cancel(session, mine, counter.CancelReason.PATIENT, staff_id=NURSE, now=clock.now())
    assert await _told(services) == 2
    assert [one.key for one in await _said(database)] == ["cancel.done"]


async def test_nowhere_to_write_becomes_a_call(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        data = patients.PatientData("N0000001", "孙无联", "male")
        person = await patients.create(session, data, clock.now())
    await _booked(database, clock, world.doctors["李敏"], person.id)
    assert await _told(services) == 1
    assert await _said(database) == []
    async with database.read() as session:
        task = (await session.scalars(select(DeskTask))).one()
    assert task.kind == "call"


async def test_checking_in_from_the_chat_is_in_the_counters_queue(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    mine = await _booked(database, clock, world.doctors["李敏"], world.people["张伟"])
    async with database.read() as session:
        start = (await files.visit(session, mine)).view.start
    clock.advance(start - timedelta(hours=2) - clock.now())
    assert await talk.say("还要等多久", "ask_queue") == ["queue.next"]
    assert talk.last.options == (), "two hours before nobody is here"
    clock.advance(timedelta(minutes=90))
    assert await talk.say("还要等多久", "ask_queue") == ["queue.next"]
    [here] = talk.last.options
    assert await talk.tap(here.intent, **here.params) == ["queue.first"]
    assert talk.last.params["number"] == 1
    async with database.write() as session:
        ticket = (await session.scalars(select(QueueTicket))).one()
        assert (ticket.appointment_id, ticket.by) == (mine, "patient")
        await queue.call_next(session, queue.line_of(ticket), seen=None, by=NURSE, now=clock.now())
    assert await talk.say("还要等多久", "ask_queue") == ["queue.called"]
    readable(talk.last, "wechat")
    async with database.write() as session:
        assert await queue.pass_over(session, mine, by=NURSE, now=clock.now())
    assert await talk.say("还要等多久", "ask_queue") == ["queue.passed"]
    other = await talker("sms", 李静="self")
    assert await other.tap(here.intent, **here.params) != ["queue.passed"], "not of another's patients"


async def test_a_place_given_by_hand_is_offered_as_any_other(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    async with database.write() as session:
        [slot] = await slots.find_slots(
            session, now=clock.now(), practitioner_id=world.doctors["李敏"], limit=1
        )
        conversation = (await session.scalars(select(Conversation))).one()
        await waitlist.join(
            session,
            patient_id=world.people["张伟"],
            department_id=slot.department_id,
            conversation_id=conversation.id,
            first_day=slot.day,
            last_day=slot.day,
            now=clock.now(),
        )
        [line] = await waitlist.lines(session, slot.department_id, 9)
        assert (line.patient.name, line.slot) == ("张伟", None)
        made = await waitlist.offer_by_hand(session, line.entry.id, slot.slot_id, clock.now())
        assert isinstance(made, waitlist.Offer)
        again = await waitlist.offer_by_hand(session, line.entry.id, slot.slot_id, clock.now())
        assert not isinstance(again, waitlist.Offer), "one offer at a time"
        await notices.owe(
            session,
            NoticeKind.OFFERED,
            made.entry.patient_id,
            by=NURSE,
            now=clock.now(),
            entry_id=made.entry.id,
        )
        [line] = await waitlist.lines(session, None, 9)
        assert line.slot is not None
        assert line.slot.id == slot.slot_id
    assert await _told(services) == 1
    assert [one.key for one in await _said(database)] == ["waitlist.offer"]
