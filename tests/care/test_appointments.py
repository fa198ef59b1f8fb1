"""Slots, holds and appointments: nothing twice, nothing lost, and the rules."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import drafts, service, slots
from care.appointments.models import Appointment, Part, Schedule, Slot, SlotHold, Status
from care.appointments.queue.position import position
from care.appointments.rules import RULES
from care.appointments.views import Booked, Cancelled, Held, Refused, Why
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.patients.service import PatientData
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

TUESDAY = date(2026, 11, 24)


async def _slots(database: Database, clock: VirtualClock, doctor: UUID, limit: int = 50) -> list[UUID]:
    async with database.read() as session:
        found = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=limit)
    return [slot.slot_id for slot in found]


async def _hold(
    database: Database,
    clock: VirtualClock,
    slot: UUID,
    patient: UUID,
    *,
    contact: UUID | None = None,
    conversation: UUID | None = None,
    replaces: UUID | None = None,
) -> Held | Refused:
    async with database.write() as session:
        return await service.hold(
            session,
            slot_id=slot,
            patient_id=patient,
            contact_id=contact,
            conversation_id=conversation,
            replaces_id=replaces,
            now=clock.now(),
        )


async def _confirm(database: Database, clock: VirtualClock, hold_id: UUID) -> Booked | Refused:
    async with database.write() as session:
        return await service.confirm(session, hold_id, now=clock.now(), created_via="wechat")


async def _book(
    database: Database, clock: VirtualClock, slot: UUID, patient: UUID, *, contact: UUID | None = None
) -> UUID:
    held = await _hold(database, clock, slot, patient, contact=contact)
    assert isinstance(held, Held), held
    booked = await _confirm(database, clock, held.hold_id)
    assert isinstance(booked, Booked), booked
    return booked.appointment.appointment_id


async def _taken(database: Database, slot: UUID) -> int:
    async with database.read() as session:
        return (await session.get_one(Slot, slot)).taken


# --- finding ---


async def test_slots_are_found_by_department_doctor_time_and_part(
    database: Database, world: World, clock: VirtualClock
) -> None:
    now = clock.now()
    async with database.read() as session:
        found = await slots.find_slots(session, now=now, department_id=world.eye, limit=100)
        assert len(found) == 12
        first = found[0]
        assert clock.local_naive(first.start) == datetime(2026, 11, 24, 9, 0)
        assert (first.practitioner, first.title, first.department) == ("李敏", "副主任医师", "眼科")
        assert (first.fee_fen, first.left, first.part, first.day) == (1800, 1, Part.MORNING, TUESDAY)
        noon = clock.to_utc(datetime(2026, 11, 24, 12, 0))
        later = await slots.find_slots(session, now=now, department_id=world.eye, start=noon, limit=100)
        assert {slot.practitioner for slot in later} == {"赵强"}
        earlier = await slots.find_slots(session, now=now, department_id=world.eye, end=noon, limit=100)
        assert {slot.practitioner for slot in earlier} == {"李敏"}
        exact = await slots.find_slots(session, now=now, start=first.start, end=first.end, limit=9)
        assert [slot.practitioner for slot in exact] == ["李敏", "钱进"]
        part = await slots.find_slots(
            session, now=now, department_id=world.eye, part=Part.AFTERNOON, limit=100
        )
        assert [slot.slot_id for slot in part] == [slot.slot_id for slot in later]
        begun = await slots.find_slots(session, now=first.start, practitioner_id=world.li, limit=100)
        assert len(begun) == 5, "what has begun is not offered"


async def test_half_days_say_the_first_time_and_how_many(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [first, *_] = await _slots(database, clock, world.li)
    await _book(database, clock, first, world.wang)
    async with database.read() as session:
        half_days = await slots.find_half_days(session, now=clock.now(), department_id=world.eye)
        told = [
            (one.first.practitioner, f"{clock.local(one.first.start):%H:%M}", one.left) for one in half_days
        ]
        assert told == [("李敏", "09:10", 5), ("赵强", "14:00", 6)]
        doctors = await slots.doctors_with_free_slots(session, now=clock.now(), department_id=world.eye)
        assert [doctor.name for doctor in doctors] == ["李敏", "赵强"]


async def test_slots_are_made_once_and_ahead(database: Database, world: World, clock: VirtualClock) -> None:
    async with database.write() as session:
        assert await slots.generate_slots(session, clock, days=7) == 0
        assert await slots.generate_slots(session, clock, days=14) == 15, "the next Tuesday"
    clock.advance(timedelta(days=1))
    async with database.write() as session:
        await session.execute(
            update(Schedule).where(Schedule.practitioner_id == world.qian).values(active=False)
        )
        assert await slots.generate_slots(session, clock, days=21) == 12, "a stopped clinic makes none"
    async with database.read() as session:
        days = set(await session.scalars(select(Slot.day)))
        assert days == {date(2026, 11, 24), date(2026, 12, 1), date(2026, 12, 8)}


# --- holding and booking ---


async def test_a_held_place_is_gone_for_others_until_it_expires(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [slot, *rest] = await _slots(database, clock, world.li)
    held = await _hold(database, clock, slot, world.wang)
    assert isinstance(held, Held)
    assert held.until == clock.now() + timedelta(minutes=10)
    assert await _slots(database, clock, world.li) == rest
    assert await _hold(database, clock, slot, world.zhang) == Refused(Why.FULL)
    clock.advance(timedelta(minutes=10))
    assert await _slots(database, clock, world.li) == [slot, *rest], "expired, though nobody swept"
    other = await _hold(database, clock, slot, world.zhang)
    assert isinstance(other, Held)
    assert await _confirm(database, clock, held.hold_id) == Refused(Why.HOLD_GONE)
    assert isinstance(await _confirm(database, clock, other.hold_id), Booked)
    assert await _taken(database, slot) == 1


async def test_a_late_confirmation_still_books_while_nobody_took_the_place(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [slot, *_] = await _slots(database, clock, world.li)
    held = await _hold(database, clock, slot, world.wang)
    assert isinstance(held, Held)
    clock.advance(timedelta(hours=1))
    assert isinstance(await _confirm(database, clock, held.hold_id), Booked)
    async with database.write() as session:
        assert await service.sweep_holds(session, now=clock.now()) == 0
    assert await _taken(database, slot) == 1


async def test_the_same_confirmation_twice_is_one_appointment(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [slot, *_] = await _slots(database, clock, world.li)
    held = await _hold(database, clock, slot, world.wang)
    assert isinstance(held, Held)
    answers = await asyncio.gather(*(_confirm(database, clock, held.hold_id) for _ in range(5)))
    booked = [answer for answer in answers if isinstance(answer, Booked)]
    assert len(booked) == 5
    assert len({answer.appointment.appointment_id for answer in booked}) == 1
    assert sum(not answer.again for answer in booked) == 1
    async with database.read() as session:
        events = await patients.timeline(session, world.wang, kinds=["appointment.booked"])
        assert len(events) == 1
        assert events[0].data["appointment_id"] == str(booked[0].appointment.appointment_id)


async def test_many_patients_at_once_never_oversell(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """120 people want 12 places, each tries them in turn; every place goes once and every loser hears so."""
    async with database.write() as session:
        people = [
            (await patients.create(session, PatientData(f"X{n:05d}", f"甲{n}", "female"), clock.now())).id
            for n in range(120)
        ]
    wanted = await _slots(database, clock, world.li) + await _slots(database, clock, world.zhao)

    async def one(number: int, person: UUID) -> UUID | None:
        for step in range(len(wanted)):
            slot = wanted[(number + step) % len(wanted)]

            async def hold(session: AsyncSession, slot: UUID = slot) -> Held | Refused:
                return await service.hold(session, slot_id=slot, patient_id=person, now=clock.now())

            held = await database.transact(hold, "hold")
            if isinstance(held, Held):
                hold_id = held.hold_id

                async def confirm(session: AsyncSession, hold_id: UUID = hold_id) -> Booked | Refused:
                    return await service.confirm(session, hold_id, now=clock.now(), created_via="wechat")

                booked = await database.transact(confirm, "confirm")
                assert isinstance(booked, Booked)
                return booked.appointment.slot_id
            assert held == Refused(Why.FULL)
        return None

    got = await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))
    assert sorted(slot for slot in got if slot) == sorted(wanted)
    async with database.read() as session:
        rows = await session.execute(select(Slot.taken, Slot.capacity).where(Slot.id.in_(wanted)))
        assert all(taken == capacity for taken, capacity in rows)
        assert await session.scalar(select(func.count()).select_from(Appointment)) == len(wanted)
        assert await session.scalar(select(func.count()).select_from(SlotHold)) == 0


async def test_a_rush_books_each_place_once_and_offers_every_loser_another_time(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """As `bench/booking.py` with a thousand; each from a conversation and a contact of their own."""
    wanted = await _slots(database, clock, world.li)
    people: list[UUID] = []
    async with database.write() as session:
        for number in range(30):
            data = PatientData(f"R{number:07d}", "何夏", "male", date(1980, 1, 1))
            people.append((await patients.create(session, data, clock.now())).id)

    async def one(number: int, person: UUID) -> bool:
        slot, contact, talk = wanted[number % len(wanted)], uuid4(), uuid4()

        async def hold(session: AsyncSession) -> Held | Refused:
            return await service.hold(
                session,
                slot_id=slot,
                patient_id=person,
                now=clock.now(),
                contact_id=contact,
                conversation_id=talk,
            )

        held = await database.transact(hold, "hold")
        if isinstance(held, Held):
            hold_id = held.hold_id

            async def confirm(session: AsyncSession) -> Booked | Refused:
                return await service.confirm(session, hold_id, now=clock.now(), created_via="wechat")

            assert isinstance(await database.transact(confirm, "confirm"), Booked)
            return True
        assert held == Refused(Why.FULL)
        async with database.read() as session:
            others = await slots.find_half_days(session, now=clock.now(), department_id=world.eye)
        assert others, "a loser hears of another time"
        assert all(half.first.slot_id not in wanted or half.left for half in others)
        return False

    won = await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))
    assert sum(won) == len(wanted)
    async with database.read() as session:
        booked = list(await session.scalars(select(Appointment.patient_id)))
        rows = await session.execute(select(Slot.taken, Slot.capacity).where(Slot.id.in_(wanted)))
        assert all(taken == capacity for taken, capacity in rows)
    assert len(booked) == len(set(booked)) == len(wanted)


async def test_another_choice_in_the_conversation_gives_the_first_place_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [first, second, *_] = await _slots(database, clock, world.li)
    conversation = uuid4()
    held = await _hold(database, clock, first, world.wang, conversation=conversation)
    assert isinstance(held, Held)
    assert isinstance(await _hold(database, clock, second, world.wang, conversation=conversation), Held)
    assert (await _taken(database, first), await _taken(database, second)) == (0, 1)
    clock.advance(timedelta(minutes=5))
    again = await _hold(database, clock, second, world.lijing, conversation=conversation)
    assert isinstance(again, Held), "the same place again, for someone else of the family"
    assert again.until == clock.now() + timedelta(minutes=10)
    assert await _taken(database, second) == 1
    third = (await _slots(database, clock, world.li))[1]
    await _book(database, clock, third, world.zhang)
    full = await _hold(database, clock, third, world.wang, conversation=conversation)
    assert full == Refused(Why.FULL)
    assert await _taken(database, second) == 1, "what was kept stays kept when the other is full"
    async with database.write() as session:
        assert not await service.release(session, held.hold_id)
        assert await service.release(session, again.hold_id)
    assert await _taken(database, second) == 0


async def test_two_conversations_that_swap_places_do_not_wait_for_each_other(
    database: Database, world: World, clock: VirtualClock
) -> None:
    left, right, *_ = await _slots(database, clock, world.li)
    one, two = uuid4(), uuid4()
    async with database.write() as session:
        await session.execute(update(Slot).values(capacity=3))
    for turn in range(20):
        first, second = (left, right) if turn % 2 else (right, left)
        await asyncio.gather(
            _hold(database, clock, first, world.wang, conversation=one),
            _hold(database, clock, second, world.lijing, conversation=two),
        )
    async with database.read() as session:
        held = await session.scalar(select(func.count()).select_from(SlotHold))
        taken = await session.scalar(select(func.sum(Slot.taken)))
        assert (held, taken) == (2, 2)


# --- rules ---


async def test_one_appointment_a_patient_department_and_half_day(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [first, second, *_] = await _slots(database, clock, world.li)
    early = await _hold(database, clock, second, world.wang)
    appointment = await _book(database, clock, first, world.wang)
    assert isinstance(early, Held)
    late = await _confirm(database, clock, early.hold_id)
    assert late == Refused(Why.SAME_HALF_DAY, appointment), "held before, confirmed after"
    assert await _taken(database, second) == 0
    refused = await _hold(database, clock, second, world.wang)
    assert refused == Refused(Why.SAME_HALF_DAY, appointment)
    [afternoon, *_] = await _slots(database, clock, world.zhao)
    assert isinstance(await _hold(database, clock, afternoon, world.wang), Held)


@pytest.mark.parametrize(("who", "why"), [("wang", Why.SEX), ("child", Why.AGE), ("zhang", None)])
async def test_limits_of_age_and_sex(
    database: Database, world: World, clock: VirtualClock, who: str, why: Why | None
) -> None:
    [slot, *_] = await _slots(database, clock, world.qian)
    answer = await _hold(database, clock, slot, getattr(world, who))
    assert (isinstance(answer, Refused) and answer.why == why) if why else isinstance(answer, Held)


async def test_nothing_is_booked_for_the_dead_the_past_or_nowhere(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [slot, *_] = await _slots(database, clock, world.li)
    async with database.write() as session:
        row = await session.get_one(Patient, world.wang)
        await patients.set_status(session, row, PatientStatus.DIED, at=clock.now(), actor="staff:1")
    assert await _hold(database, clock, slot, world.wang) == Refused(Why.PATIENT_STATUS)
    assert await _hold(database, clock, uuid4(), world.zhang) == Refused(Why.UNKNOWN)
    held = await _hold(database, clock, slot, world.zhang)
    assert isinstance(held, Held)
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 9, 0)))
    assert await _confirm(database, clock, held.hold_id) == Refused(Why.PAST)
    assert await _hold(database, clock, slot, world.zhang) == Refused(Why.PAST)
    assert await _taken(database, slot) == 0


async def test_a_contact_holds_two_and_a_patient_has_four(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact = uuid4()
    all_slots = await _slots(database, clock, world.li)
    for slot in all_slots[:2]:
        assert isinstance(await _hold(database, clock, slot, world.wang, contact=contact), Held)
    third = await _hold(database, clock, all_slots[2], world.zhang, contact=contact)
    assert third == Refused(Why.TOO_MANY_HOLDS)
    async with database.write() as session:
        await slots.generate_slots(session, clock, days=28)
        rules = replace(RULES, upcoming_per_patient=1)
        [afternoon] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.zhao, limit=1)
        first = await service.hold(
            session, slot_id=afternoon.slot_id, patient_id=world.zhang, now=clock.now(), rules=rules
        )
        assert isinstance(first, Held)
        await service.confirm(session, first.hold_id, now=clock.now(), created_via="staff")
        second = await service.hold(
            session, slot_id=all_slots[3], patient_id=world.zhang, now=clock.now(), rules=rules
        )
        assert second == Refused(Why.TOO_MANY_UPCOMING)


async def test_a_contact_books_six_a_day(database: Database, world: World, clock: VirtualClock) -> None:
    contact, all_slots = uuid4(), await _slots(database, clock, world.li)
    for slot in all_slots[:6]:
        appointment = await _book(database, clock, slot, world.wang, contact=contact)
        async with database.write() as session:
            await service.cancel(session, appointment, now=clock.now())
    refused = await _hold(database, clock, all_slots[0], world.wang, contact=contact)
    assert refused == Refused(Why.TOO_MANY_TODAY)
    clock.advance(timedelta(days=1))
    assert isinstance(await _hold(database, clock, all_slots[0], world.wang, contact=contact), Held)


# --- cancelling and moving ---


async def test_cancelling_frees_the_place_once(database: Database, world: World, clock: VirtualClock) -> None:
    [slot, *_] = await _slots(database, clock, world.li)
    appointment = await _book(database, clock, slot, world.wang)

    async def cancel() -> Cancelled | Refused:
        async with database.write() as session:
            return await service.cancel(session, appointment, now=clock.now(), reason="有事")

    answers = await asyncio.gather(*(cancel() for _ in range(4)))
    assert all(isinstance(answer, Cancelled) for answer in answers)
    assert await _taken(database, slot) == 0
    async with database.read() as session:
        row = await session.get_one(Appointment, appointment)
        assert (row.status, row.reason) == (Status.CANCELLED, "有事")
        told = await patients.timeline(session, world.wang, kinds=["appointment.cancelled"])
        assert [event.data["why"] for event in told] == ["patient"]
    assert isinstance(await _hold(database, clock, slot, world.wang), Held), "free again"


async def test_patients_cancel_until_an_hour_before_staff_always(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [slot, *_] = await _slots(database, clock, world.li)
    appointment = await _book(database, clock, slot, world.wang)
    clock.freeze(clock.to_utc(datetime(2026, 11, 24, 8, 0, 1)))
    async with database.write() as session:
        late = await service.cancel(session, appointment, now=clock.now())
        assert late == Refused(Why.TOO_LATE, appointment)
        done = await service.cancel(session, appointment, now=clock.now(), by_staff=True)
        assert isinstance(done, Cancelled)
        assert not done.again
        unknown = await service.cancel(session, uuid4(), now=clock.now())
        assert unknown == Refused(Why.UNKNOWN)


async def test_moving_within_the_half_day_is_one_step(
    database: Database, world: World, clock: VirtualClock
) -> None:
    [first, second, *_] = await _slots(database, clock, world.li)
    old = await _book(database, clock, first, world.wang)
    held = await _hold(database, clock, second, world.wang, replaces=old)
    assert isinstance(held, Held)
    async with database.read() as session:
        [before] = await service.upcoming(session, [world.wang], now=clock.now())
        assert before.appointment_id == old, "kept until the new one is confirmed"
    moved = await _confirm(database, clock, held.hold_id)
    assert isinstance(moved, Booked)
    async with database.read() as session:
        [now_booked] = await service.upcoming(session, [world.wang], now=clock.now())
        assert now_booked.slot_id == second
        told = await patients.timeline(session, world.wang, kinds=["appointment.cancelled"])
        assert [event.data["why"] for event in told] == ["moved"]
    assert (await _taken(database, first), await _taken(database, second)) == (0, 1)


# --- the day itself ---


async def test_upcoming_and_the_queue(database: Database, world: World, clock: VirtualClock) -> None:
    [first, second, third, *_] = await _slots(database, clock, world.li)
    mine = await _book(database, clock, third, world.zhang)
    one = await _book(database, clock, first, world.wang)
    two = await _book(database, clock, second, world.lijing)
    async with database.read() as session:
        coming = await service.upcoming(session, [world.zhang, world.wang], now=clock.now())
        assert [row.appointment_id for row in coming] == [one, mine]
        queue = await position(session, mine, clock.now())
        assert queue is not None
        assert (queue.number, queue.ahead, queue.minutes) == (3, 2, 20)
    async with database.write() as session:
        assert await service.move_on(session, one, Status.ARRIVED, now=clock.now())
        assert await service.move_on(session, one, Status.FULFILLED, now=clock.now())
        assert not await service.move_on(session, one, Status.NOSHOW, now=clock.now()), "was seen"
        assert await service.move_on(session, two, Status.NOSHOW, now=clock.now())
        queue = await position(session, mine, clock.now())
        assert queue is not None
        assert (queue.number, queue.ahead) == (3, 0)
        assert await position(session, one, clock.now()) is None
        today = await service.today_of(session, [world.zhang, world.wang], TUESDAY)
        assert [row.appointment_id for row in today] == [mine]
        kinds = {event.kind for event in await patients.timeline(session, world.wang)}
        assert kinds == {"appointment.booked", "appointment.arrived", "appointment.fulfilled"}
        refused = await service.cancel(session, one, now=clock.now())
        assert refused == Refused(Why.NOT_LIVE, one)


async def test_a_draft_survives_and_gives_back_what_it_held(
    database: Database, world: World, clock: VirtualClock
) -> None:
    conversation = uuid4()
    [slot, *_] = await _slots(database, clock, world.li)
    async with database.write() as session:
        draft = await drafts.open_draft(session, conversation, now=clock.now())
        draft.step, draft.department_id, draft.for_label = "choose", world.eye, "妈妈"
        draft.offers = [str(slot)]
    held = await _hold(database, clock, slot, world.wang, conversation=conversation)
    assert isinstance(held, Held)
    async with database.write() as session:
        again = await drafts.open_draft(session, conversation, now=clock.now())
        assert (again.step, again.for_label, again.offers) == ("choose", "妈妈", [str(slot)])
        assert await drafts.discard(session, conversation)
        assert await drafts.load(session, conversation) is None
        assert not await drafts.discard(session, conversation)
    assert await _taken(database, slot) == 0
