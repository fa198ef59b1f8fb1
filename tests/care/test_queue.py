"""The queue: numbers by arrival, order by time booked, called once, passed over and put back behind three."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from care.appointments import service, slots
from care.appointments.models import Part, Status
from care.appointments.queue import service as queue
from care.appointments.queue.models import TicketState
from care.appointments.queue.position import position
from care.appointments.queue.service import Line
from care.appointments.rules import UNDO_FOR
from care.appointments.views import Booked, Held
from care.patients import service as patients
from care.patients.service import PatientData
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

TUESDAY = date(2026, 11, 24)
NURSE = uuid4()


async def _booked(database: Database, clock: VirtualClock, world: World) -> list[UUID]:
    """Five women in Dr Li's first five places."""
    async with database.write() as session:
        people = [world.wang, world.lijing]
        for number in range(3):
            data = PatientData(f"Q000000{number}", f"周{number}", "female", date(1980, 1, 1))
            people.append((await patients.create(session, data, clock.now())).id)
        free = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=5)
        made = []
        for person, slot in zip(people, free, strict=True):
            held = await service.hold(session, slot_id=slot.slot_id, patient_id=person, now=clock.now())
            assert isinstance(held, Held)
            done = await service.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
            assert isinstance(done, Booked)
            made.append(done.appointment.appointment_id)
    return made


def _line(world: World) -> Line:
    return Line(world.li, TUESDAY, Part.MORNING)


async def _to_the_day(database: Database, clock: VirtualClock, first: UUID, before: timedelta) -> None:
    async with database.read() as session:
        view = await service.get(session, first)
    assert view is not None
    clock.advance(view.start - before - clock.now())


async def test_who_comes_in_time_is_called_in_the_order_booked_who_is_late_in_that_of_arrival(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, c, d, _ = await _booked(database, clock, world)
    await _to_the_day(database, clock, a, timedelta(minutes=20))
    async with database.write() as session:
        numbers = [await queue.check_in(session, one, now=clock.now()) for one in (c, b, d)]
        assert [one.number for one in numbers if one] == [1, 2, 3]
        again = await queue.check_in(session, c, now=clock.now())
        assert again is not None
        assert again.number == 1
        clock.advance(timedelta(minutes=45))  # 9:25: a was booked for 9:00, d for 9:30
        await queue.check_in(session, a, now=clock.now())
        order = []
        seen: UUID | None = None
        while (
            ticket := await queue.call_next(session, _line(world), seen=seen, by=NURSE, now=clock.now())
        ) is not None:
            order.append(ticket.appointment_id)
            seen = ticket.appointment_id
        assert order == [b, c, a, d]
        view = await service.get(session, d)
        assert view is not None
        assert view.status is Status.FULFILLED, "the last one was seen when the next was asked for"


async def test_two_nurses_pressing_at_once_call_one(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, *_ = await _booked(database, clock, world)
    async with database.write() as session:
        for one in (a, b):
            await queue.check_in(session, one, now=clock.now())
        first = await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert first is not None
        assert await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now()) is None
        now_in = await queue.called(session, _line(world))
        assert now_in is not None
        assert now_in.appointment_id == first.appointment_id


async def test_passed_over_and_put_back_behind_three(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, c, d, e = await _booked(database, clock, world)
    async with database.write() as session:
        for one in (a, b, c, d, e):
            await queue.check_in(session, one, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert not await queue.put_back(session, a, now=clock.now())
        assert await queue.pass_over(session, a, by=NURSE, now=clock.now())
        assert not await queue.pass_over(session, a, by=NURSE, now=clock.now())
        where = await position(session, a, clock.now())
        assert where is not None
        assert where.state is TicketState.PASSED
        assert await queue.put_back(session, a, now=clock.now())
        order = [one.ticket.appointment_id for one in await queue.tickets(session, _line(world))]
        assert order == [b, c, d, a, e]
        where = await position(session, a, clock.now())
        assert where is not None
        assert (where.number, where.ahead, where.minutes) == (1, 3, 30)
        assert await queue.done(session, e, now=clock.now()), "seen out of turn"
        assert not await queue.done(session, e, now=clock.now())


async def test_who_was_passed_over_is_not_seen_by_a_page_that_does_not_know_it(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, *_ = await _booked(database, clock, world)
    await _to_the_day(database, clock, a, timedelta(0))
    async with database.write() as session:
        await queue.check_in(session, a, now=clock.now())
        assert not await queue.seen(session, a, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert await queue.pass_over(session, a, by=NURSE, now=clock.now())
        assert not await queue.seen(session, a, now=clock.now())
        assert await queue.put_back(session, a, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert await queue.seen(session, a, now=clock.now())
        view = await service.get(session, a)
    assert view is not None and view.status is Status.FULFILLED


async def test_a_wrong_check_in_is_taken_back_until_called(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, *_ = await _booked(database, clock, world)
    async with database.write() as session:
        await queue.check_in(session, a, now=clock.now())
        assert await queue.take_back(session, a, now=clock.now())
        view = await service.get(session, a)
        assert view is not None
        assert view.status is Status.BOOKED
        await queue.check_in(session, b, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert not await queue.take_back(session, b, now=clock.now())


async def test_the_board_names_the_room_of_the_day(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, *_ = await _booked(database, clock, world)
    async with database.write() as session:
        await queue.check_in(session, a, now=clock.now())
        await queue.check_in(session, b, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        await queue.set_room(session, world.li, TUESDAY, "8")
        [row] = await queue.board(session, world.eye, TUESDAY)
        assert (row.practitioner, row.room) == ("李敏", "8")
        assert [number for number, _ in row.called] == [1]
        assert [number for number, _ in row.waiting] == [2]
        await queue.set_room(session, world.li, TUESDAY, "")
        assert await queue.room(session, world.li, TUESDAY) == "301"
        assert await queue.board(session, world.men, TUESDAY) == []


async def test_seen_by_mistake_is_in_the_room_again(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, *_ = await _booked(database, clock, world)
    await _to_the_day(database, clock, a, timedelta(minutes=20))
    async with database.write() as session:
        for one in (a, b):
            await queue.check_in(session, one, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        assert not await queue.not_seen(session, a, now=clock.now()), "she is still in the room"
        assert await queue.seen(session, a, now=clock.now())
        clock.advance(UNDO_FOR)
        assert await queue.not_seen(session, a, now=clock.now())
        assert not await queue.not_seen(session, a, now=clock.now())
        there = await queue.called(session, _line(world))
        assert there is not None
        assert there.appointment_id == a
        view = await service.get(session, a)
        assert view is not None
        assert view.status is Status.ARRIVED
        assert await queue.seen(session, a, now=clock.now())
        clock.advance(UNDO_FOR + timedelta(seconds=1))
        assert not await queue.not_seen(session, a, now=clock.now()), "too long ago"


async def test_seen_by_mistake_with_the_next_in_the_room_is_called_next(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, b, c, *_ = await _booked(database, clock, world)
    await _to_the_day(database, clock, a, timedelta(minutes=20))
    async with database.write() as session:
        for one in (a, b, c):
            await queue.check_in(session, one, now=clock.now())
        await queue.call_next(session, _line(world), seen=None, by=NURSE, now=clock.now())
        await queue.call_next(session, _line(world), seen=a, by=NURSE, now=clock.now())
        assert await queue.not_seen(session, a, now=clock.now())
        there = await queue.called(session, _line(world))
        assert there is not None
        assert there.appointment_id == b
        ticket = await queue.call_next(session, _line(world), seen=b, by=NURSE, now=clock.now())
        assert ticket is not None
        assert ticket.appointment_id == a


async def test_seen_by_mistake_without_a_number_is_booked_again_unless_another_place_was_taken(
    database: Database, world: World, clock: VirtualClock
) -> None:
    a, *_ = await _booked(database, clock, world)
    await _to_the_day(database, clock, a, timedelta(minutes=20))
    async with database.write() as session:
        assert await queue.done(session, a, now=clock.now())
        assert await queue.not_seen(session, a, now=clock.now())
        view = await service.get(session, a)
        assert view is not None
        assert view.status is Status.BOOKED
        assert await queue.done(session, a, now=clock.now())
        [free] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
        held = await service.hold(session, slot_id=free.slot_id, patient_id=world.wang, now=clock.now())
        assert isinstance(held, Held)
        done = await service.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(done, Booked)
        assert done.appointment.part == view.part
        assert not await queue.not_seen(session, a, now=clock.now())
