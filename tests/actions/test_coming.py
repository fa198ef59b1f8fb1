"""Reminders at their lead times, each once; the answer; what is asked after a missed visit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments import remind
from actions.appointments.coming import tell_due
from actions.services import Services
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.coming import ending, leads, service
from care.appointments.coming.leads import LeadError
from care.appointments.coming.models import ComingVisit, Rung, Told, VisitReminder
from care.appointments.models import Appointment, Part, Status
from care.appointments.rules import UNDO_FOR
from care.appointments.views import Booked, Held
from care.followup.models import FollowUpCall
from care.hospital.models import HealthcareService
from care.patients import service as patients
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable

Talker = Callable[..., Awaitable[Talk]]
USUAL = (3, 1)
THURSDAY = date(2026, 11, 26)
"""李敏 in the morning."""


def at(clock: VirtualClock, day: date, hour: int, minute: int = 0) -> None:
    clock.freeze(clock.to_utc(datetime.combine(day, time(hour, minute))))


async def book(
    database: Database, clock: VirtualClock, world: World, name: str, day: date, doctor: str = "李敏"
) -> UUID:
    async with database.write() as session:
        found = await slots.find_slots(
            session, now=clock.now(), practitioner_id=world.doctors[doctor], limit=50
        )
        one = next(slot for slot in found if slot.day == day)
        held = await appointments.hold(
            session, slot_id=one.slot_id, patient_id=world.people[name], now=clock.now()
        )
        assert isinstance(held, Held)
        done = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def told(services: Services, risky: float | None = None) -> int:
    async def work(session: AsyncSession) -> int:
        return await tell_due(session, services, "acc", USUAL, risky)

    return await services.database.transact(work, "tell")


async def queued(database: Database) -> list[OutboundMessage]:
    async with database.read() as session:
        return list(await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)))


async def steps(database: Database, appointment_id: UUID) -> dict[str, str]:
    async with database.read() as session:
        rows = select(VisitReminder).where(VisitReminder.appointment_id == appointment_id)
        return {row.step: row.state for row in await session.scalars(rows)}


async def test_each_lead_time_reminds_once_and_in_the_morning(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    mine = await book(database, clock, world, "张伟", THURSDAY)
    at(clock, THURSDAY - timedelta(days=3), 8, 59)
    assert await told(services) == 0, "nobody is reminded before nine"
    at(clock, THURSDAY - timedelta(days=3), 9)
    assert (await told(services), await told(services)) == (1, 0)
    at(clock, THURSDAY - timedelta(days=2), 10)
    assert await told(services) == 0
    at(clock, THURSDAY - timedelta(days=1), 20)
    assert await told(services) == 0, "nor in the evening"
    at(clock, THURSDAY - timedelta(days=1), 15)
    assert await told(services) == 1, "late is better than never"
    first, second = await queued(database)
    reply = Reply.from_json(second.reply)
    readable(reply, "wechat")
    assert (reply.key, [one.id for one in reply.options]) == (
        "reminder.appointment",
        ["confirm", "cancel", "move"],
    )
    assert first.dedup_key != second.dedup_key
    assert await steps(database, mine) == {"d3": Told.TOLD, "d1": Told.TOLD}


async def test_what_was_booked_after_a_lead_time_is_not_reminded_at_it(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    at(clock, THURSDAY - timedelta(days=2), 10)
    late = await book(database, clock, world, "张伟", THURSDAY)
    assert await told(services) == 0
    at(clock, THURSDAY - timedelta(days=1), 10)
    assert await told(services) == 1
    await book(database, clock, world, "李静", THURSDAY)
    assert await told(services) == 0, "who books in the morning knows it still"
    assert set(await steps(database, late)) == {"d1"}


async def test_a_department_has_its_own_days_and_says_how_to_prepare(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(channel="sms", 张伟="self")
    eye = world.departments["眼科"]
    async with database.write() as session:
        await leads.change(session, eye, leads.read("2"), by=uuid4(), now=clock.now())
        wish = update(HealthcareService).where(HealthcareService.id == eye)
        await session.execute(wish.values(preparation="散瞳后看不清，请不要自己开车来"))
    await book(database, clock, world, "张伟", THURSDAY)
    at(clock, THURSDAY - timedelta(days=3), 10)
    assert await told(services) == 0
    at(clock, THURSDAY - timedelta(days=2), 10)
    assert await told(services) == 1
    [message] = await queued(database)
    reply = Reply.from_json(message.reply)
    assert reply.key == "reminder.prepared"
    assert "不要自己开车" in str(reply.params["preparation"])
    readable(reply, "sms")
    async with database.write() as session:
        await leads.change(session, eye, None, by=uuid4(), now=clock.now())
    assert (await _leads(database)).of(eye) == USUAL


async def _leads(database: Database) -> leads.Leads:
    async with database.read() as session:
        return await leads.load(session, USUAL)


@pytest.mark.parametrize(
    ("text", "days"),
    [("3,1", (3, 1)), ("1\uff0c7\u30013", (7, 3, 1)), (" 2 ", (2,)), ("", None), ("0", None), ("15,1", None),
     ("1,2,3,4", None), ("三天", None), ("-1", None)],
)  # fmt: skip
def test_lead_times_are_read_or_refused(text: str, days: tuple[int, ...] | None) -> None:
    if days is None:
        with pytest.raises(LeadError):
            leads.read(text)
    else:
        assert leads.read(text) == days


async def test_who_confirmed_hears_the_last_reminder_only_and_is_rung_by_nobody(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    mine = await book(database, clock, world, "张伟", THURSDAY)
    silent = await book(database, clock, world, "李静", THURSDAY)
    at(clock, THURSDAY - timedelta(days=3), 9)
    assert await told(services) == 2
    async with database.write() as session:
        said = await remind.confirmed(session, services, mine, "wechat", clock.now())
        await remind.confirmed(session, services, mine, "wechat", clock.now())
    assert said.key == "reminder.confirmed"
    async with database.read() as session:
        assert await service.unconfirmed(session, THURSDAY, now=clock.now()) == [], "there is time to answer"
    clock.advance(service.ANSWER_WITHIN)
    async with database.read() as session:
        [row] = await service.unconfirmed(session, THURSDAY, now=clock.now())
    assert row.appointment_id == silent
    async with database.write() as session:
        one = await session.get_one(Appointment, silent)
        await service.rung(session, one, Rung.NO_ANSWER, by=uuid4(), now=clock.now())
        [again] = await service.unconfirmed(session, THURSDAY, now=clock.now())
        assert (again.call, again.called_at) == (Rung.NO_ANSWER, clock.now())
        await service.rung(session, one, Rung.COMING, by=uuid4(), now=clock.now())
        assert await service.unconfirmed(session, THURSDAY, now=clock.now()) == []
        heard = await session.get_one(ComingVisit, silent, populate_existing=True)
        assert heard.confirmed_by == "staff"


async def test_who_is_likely_not_to_come_is_asked_earlier(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    next_week = THURSDAY + timedelta(days=5)
    mine = await book(database, clock, world, "张伟", next_week)
    other = await book(database, clock, world, "李静", next_week)
    async with database.write() as session:
        for one, risk in ((mine, 0.4), (other, 0.1)):
            row = await session.get_one(Appointment, one)
            session.add(ComingVisit(appointment_id=one, patient_id=row.patient_id, risk=risk, risk_why=[]))
    at(clock, next_week - timedelta(days=5), 10)
    assert await told(services) == 0, "without a model that is good nobody is asked earlier"
    assert await told(services, 0.25) == 1
    assert await steps(database, mine) == {"d5": Told.TOLD}


async def test_a_half_day_ends_one_press_says_who_did_not_come_and_takes_it_back(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    missed = await book(database, clock, world, "张伟", THURSDAY)
    came = await book(database, clock, world, "李静", THURSDAY)
    doctor, nurse = world.doctors["李敏"], uuid4()
    at(clock, THURSDAY, 11)
    async with database.write() as session:
        assert await appointments.move_on(session, came, Status.ARRIVED, now=clock.now())
        assert await ending.ended(session, clock) == []
        assert await ending.say_missed(session, doctor, THURSDAY, Part.MORNING, by=nurse, clock=clock) == 0
    at(clock, THURSDAY, 13)
    async with database.write() as session:
        [half] = await ending.ended(session, clock)
        assert (half.practitioner, half.part, half.absent) == ("李敏", Part.MORNING, 1)
        assert await ending.say_missed(session, doctor, THURSDAY, Part.MORNING, by=nurse, clock=clock) == 1
        assert await ending.ended(session, clock) == []
        assert await ending.take_back(session, doctor, THURSDAY, Part.MORNING, by=nurse, now=clock.now()) == 1
        assert await ending.say_missed(session, doctor, THURSDAY, Part.MORNING, by=nurse, clock=clock) == 1
        assert await ending.seen_by_now(session, clock) == 0
    clock.advance(UNDO_FOR + timedelta(seconds=1))
    async with database.write() as session:
        assert await ending.take_back(session, doctor, THURSDAY, Part.MORNING, by=nurse, now=clock.now()) == 0
    at(clock, THURSDAY + timedelta(days=1), 1)
    async with database.write() as session:
        assert await ending.seen_by_now(session, clock) == 1
    async with database.read() as session:
        found = {row.id: row.status for row in await session.scalars(select(Appointment))}
    assert found == {missed: Status.NOSHOW, came: Status.FULFILLED}


async def _missed(database: Database, clock: VirtualClock, world: World, name: str, day: date) -> UUID:
    """Booked, and not come on a Thursday."""
    one = await book(database, clock, world, name, day)
    at(clock, day, 13)
    async with database.write() as session:
        await ending.say_missed(session, world.doctors["李敏"], day, Part.MORNING, by=uuid4(), clock=clock)
    return one


async def test_after_a_missed_visit_one_kind_word_the_next_working_day_with_other_times(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    await _missed(database, clock, world, "张伟", THURSDAY)
    assert await told(services) == 0, "not on the same day"
    at(clock, THURSDAY + timedelta(days=1), 9)
    assert (await told(services), await told(services)) == (1, 0)
    [message] = await queued(database)
    reply = Reply.from_json(message.reply)
    readable(reply, "wechat")
    assert reply.key == "visit.missed"
    offered = reply.options[0]
    assert "slot_id" in offered.params
    assert await talk.tap(offered.intent, **offered.params) == ["booking.confirm"]


async def test_who_has_booked_again_is_not_asked(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    mine = await _missed(database, clock, world, "张伟", THURSDAY)
    await book(database, clock, world, "张伟", THURSDAY + timedelta(days=5))
    at(clock, THURSDAY + timedelta(days=1), 9)
    assert await told(services) == 1
    assert (await queued(database), await steps(database, mine)) == ([], {"missed": Told.KEPT})


async def test_who_cannot_be_written_to_is_on_the_lists_of_calls(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        patient = await patients.get(session, world.people["王秀兰"])
        assert patient is not None
        patient.phone = patient.phone_hash = None
    mine = await book(database, clock, world, "王秀兰", THURSDAY)
    at(clock, THURSDAY - timedelta(days=3), 9)
    assert await told(services) == 1
    async with database.read() as session:
        [row] = await service.unconfirmed(session, THURSDAY, now=clock.now())
    assert row.appointment_id == mine, "at once: there is no answer to wait for"
    at(clock, THURSDAY, 13)
    async with database.write() as session:
        await ending.say_missed(
            session, world.doctors["李敏"], THURSDAY, Part.MORNING, by=uuid4(), clock=clock
        )
    at(clock, THURSDAY + timedelta(days=1), 9)
    await told(services)
    async with database.read() as session:
        [call] = await session.scalars(select(FollowUpCall))
    assert (call.patient_id, call.source) == (world.people["王秀兰"], "missed")
    assert "李敏" in call.script
