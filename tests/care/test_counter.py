"""At the counter: moved and taken back in time, cancelled, time blocked, a place offered by hand."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update

from care.appointments import counter, service, slots
from care.appointments.blocks import service as blocks
from care.appointments.closures import service as closures
from care.appointments.closures.models import Reason
from care.appointments.closures.service import Wanted
from care.appointments.limits import overlapping
from care.appointments.models import Appointment, Slot, Status
from care.appointments.notices import service as notices
from care.appointments.notices.models import ClinicNotice
from care.appointments.queue import service as queue
from care.appointments.views import Booked, Cancelled, Held, Refused, SlotView, Why
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

NURSE = uuid4()
TUESDAY = date(2026, 11, 24)


async def _free(database: Database, clock: VirtualClock, doctor: UUID) -> list[SlotView]:
    async with database.read() as session:
        return await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=20)


async def _booked(database: Database, clock: VirtualClock, slot: UUID, patient: UUID) -> UUID:
    async with database.write() as session:
        held = await counter.keep(session, slot, patient, now=clock.now())
        assert isinstance(held, Held)
        done = await counter.book(session, held.hold_id, staff_id=NURSE, now=clock.now())
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def _kinds(database: Database) -> list[tuple[str, str]]:
    async with database.read() as session:
        rows = await session.execute(select(ClinicNotice.kind, ClinicNotice.state).order_by(ClinicNotice.id))
        return [(kind, state) for kind, state in rows]


async def test_moved_taken_back_and_nobody_is_told(
    database: Database, world: World, clock: VirtualClock
) -> None:
    first, second, *_ = await _free(database, clock, world.li)
    mine = await _booked(database, clock, first.slot_id, world.wang)
    async with database.write() as session:
        moved = await counter.move(session, mine, second.slot_id, staff_id=NURSE, now=clock.now())
        assert isinstance(moved, Booked)
        [(notice, row)] = await notices.undoable(session, [world.li])
        assert row.id == moved.appointment.appointment_id
        assert await notices.due(session, clock.now(), 9) != [notice], "only the booking is told now"
    async with database.write() as session:
        back = await counter.undo_move(session, notice.id, staff_id=NURSE, now=clock.now())
        assert isinstance(back, Booked)
        assert back.appointment.start == first.start
        late = await counter.undo_move(session, notice.id, staff_id=NURSE, now=clock.now())
        assert late == Refused(Why.NOT_LIVE), "taken back already: nobody was told"
    assert await _kinds(database) == [("booked", "planned"), ("moved", "undone")]
    async with database.read() as session:
        taken = {one.slot_id: one for one in await slots.find_slots(session, now=clock.now(), limit=50)}
        assert first.slot_id not in taken
        assert second.slot_id in taken


async def test_two_departments_at_one_time_are_for_staff_to_decide(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """Who books for themselves is refused it, in every department; at the counter it is shown and can be done."""
    eye, after, *_ = await _free(database, clock, world.li)
    men, later, *_ = await _free(database, clock, world.qian)
    assert (eye.start, eye.end) == (men.start, men.end)
    mine = await _booked(database, clock, eye.slot_id, world.zhang)

    async def asked(slot: SlotView, replaces: UUID | None = None) -> Held | Refused:
        async with database.write() as session:
            held = await service.hold(
                session, slot_id=slot.slot_id, patient_id=world.zhang, now=clock.now(), replaces_id=replaces
            )
            if isinstance(held, Held):
                assert await service.release(session, held.hold_id)
            return held

    assert await asked(men) == Refused(Why.OVERLAP, mine)
    assert isinstance(await asked(later), Held), "one after the other"
    async with database.read() as session:
        assert await slots.slot(session, men.slot_id) == men, "refused, nothing is kept"
        assert await overlapping(session, world.zhang, men) == mine
        assert await overlapping(session, world.zhang, men, but=mine) is None
        assert await overlapping(session, world.zhang, later) is None
        assert await overlapping(session, world.wang, men) is None
    second = await _booked(database, clock, men.slot_id, world.zhang)
    assert isinstance(await asked(after, mine), Held), "moved out of each other's way"
    async with database.write() as session:
        await counter.cancel(session, mine, counter.CancelReason.WRONG, staff_id=NURSE, now=clock.now())
    assert await asked(eye) == Refused(Why.OVERLAP, second)
    assert isinstance(await asked(eye, second), Held), "moved, it is in one place"


async def test_who_has_reported_or_is_late_is_in_one_place_too(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """A visit that is not to come any more still takes its time."""
    eye, *_ = await _free(database, clock, world.li)
    men, later, *_ = await _free(database, clock, world.qian)
    assert (eye.start, eye.end) == (men.start, men.end)
    mine = await _booked(database, clock, eye.slot_id, world.zhang)
    clock.advance(eye.start - timedelta(minutes=30) - clock.now())

    async def asked(slot: SlotView) -> Held | Refused:
        async with database.write() as session:
            held = await service.hold(session, slot_id=slot.slot_id, patient_id=world.zhang, now=clock.now())
            if isinstance(held, Held):
                assert await service.release(session, held.hold_id)
            return held

    async with database.write() as session:
        assert await queue.check_in(session, mine, now=clock.now()) is not None
    assert await asked(men) == Refused(Why.OVERLAP, mine)
    assert isinstance(await asked(later), Held)

    # late: the time has begun, nobody has reported, and the next clinic begins before it is over
    async with database.write() as session:
        assert await queue.take_back(session, mine, now=clock.now())
        await session.execute(
            update(Slot).where(Slot.id == men.slot_id).values(start=eye.start + timedelta(minutes=3))
        )
    clock.advance(eye.start + timedelta(minutes=1) - clock.now())
    assert await asked(men) == Refused(Why.OVERLAP, mine)


async def test_moved_by_two_at_once_there_is_one_visit(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """The second finds the visit moved already, at the question as at the button; held before and confirmed after, too."""
    first, one, other = [(await _free(database, clock, who))[0] for who in (world.li, world.zhao, world.qian)]
    assert len({(slot.department_id, slot.day, slot.part) for slot in (first, one, other)}) == 3
    mine = await _booked(database, clock, first.slot_id, world.zhang)
    async with database.write() as session:
        held = await service.hold(
            session, slot_id=other.slot_id, patient_id=world.zhang, now=clock.now(), replaces_id=mine
        )
        assert isinstance(held, Held)
    async with database.write() as session:
        moved = await counter.move(session, mine, one.slot_id, staff_id=NURSE, now=clock.now())
        assert isinstance(moved, Booked)
        new = moved.appointment.appointment_id
    async with database.write() as session:
        again = await counter.move(session, mine, other.slot_id, staff_id=NURSE, now=clock.now())
        assert again == Refused(Why.NOT_LIVE, mine)
    async with database.write() as session:
        late = await service.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")
        assert late == Refused(Why.NOT_LIVE, new)
    async with database.read() as session:
        ahead = await service.upcoming(session, [world.zhang], now=clock.now())
        assert [view.slot_id for view in ahead] == [one.slot_id]
        assert (await session.get_one(Slot, other.slot_id)).taken == 0


async def test_a_taken_place_refuses_the_move_and_keeps_the_old_one(
    database: Database, world: World, clock: VirtualClock
) -> None:
    first, second, *_ = await _free(database, clock, world.li)
    mine = await _booked(database, clock, first.slot_id, world.wang)
    await _booked(database, clock, second.slot_id, world.lijing)
    async with database.write() as session:
        moved = await counter.move(session, mine, second.slot_id, staff_id=NURSE, now=clock.now())
        assert moved == Refused(Why.FULL)
        row = await session.get_one(Appointment, mine)
        assert row.status == Status.BOOKED


async def test_cancelled_with_a_reason(database: Database, world: World, clock: VirtualClock) -> None:
    first, second, *_ = await _free(database, clock, world.li)
    for slot, patient, why in (
        (first, world.wang, counter.CancelReason.PATIENT),
        (second, world.lijing, counter.CancelReason.WRONG),
    ):
        mine = await _booked(database, clock, slot.slot_id, patient)
        async with database.write() as session:
            done = await counter.cancel(session, mine, why, staff_id=NURSE, now=clock.now())
            assert isinstance(done, Cancelled)
            row = await session.get_one(Appointment, mine)
            assert row.reason == why.value
    assert [kind for kind, _ in await _kinds(database)] == ["booked", "asked", "booked", "cancelled"]


async def test_blocked_time_is_not_given_out_and_opened_again_but_for_what_is_closed(
    database: Database, world: World, clock: VirtualClock
) -> None:
    first, second, third, *_ = await _free(database, clock, world.li)
    mine = await _booked(database, clock, second.slot_id, world.wang)
    async with database.write() as session:
        row = await blocks.block(
            session, world.li, first.start, third.start, Reason.MEETING, staff_id=NURSE, now=clock.now()
        )
        assert row is not None
        again = await blocks.block(
            session, world.li, first.start, third.start, Reason.MEETING, staff_id=NURSE, now=clock.now()
        )
        assert again is None, "nothing is free there any more"
    left = [one.slot_id for one in await _free(database, clock, world.li)]
    assert first.slot_id not in left
    assert third.slot_id in left
    async with database.write() as session:
        assert (await session.get_one(Appointment, mine)).status == Status.BOOKED
        wanted = Wanted(world.eye, TUESDAY, TUESDAY, Reason.ILLNESS, world.li)
        closure = await closures.close(session, wanted, staff_id=NURSE, clock=clock)
        assert await closures.undo(session, closure.id, staff_id=NURSE, now=clock.now())
        slot = await session.get_one(Slot, first.slot_id, populate_existing=True)
        assert slot.status == "blocked", "a closure taken back opens no block"
        closure = await closures.close(session, wanted, staff_id=NURSE, clock=clock)
        assert await blocks.undo(session, row.id, staff_id=NURSE, now=clock.now())
        slot = await session.get_one(Slot, first.slot_id, populate_existing=True)
        assert slot.status == "blocked", "a block taken back opens no closed clinic"
        assert await closures.undo(session, closure.id, staff_id=NURSE, now=clock.now())
        assert await blocks.undo(session, row.id, staff_id=NURSE, now=clock.now()) is None
    assert first.slot_id in [one.slot_id for one in await _free(database, clock, world.li)]


async def test_notices_of_moves_wait_a_minute(database: Database, world: World, clock: VirtualClock) -> None:
    first, second, *_ = await _free(database, clock, world.li)
    mine = await _booked(database, clock, first.slot_id, world.wang)
    async with database.write() as session:
        await counter.move(session, mine, second.slot_id, staff_id=NURSE, now=clock.now())
        assert [one.kind for one in await notices.due(session, clock.now(), 9)] == ["booked"]
    clock.advance(timedelta(minutes=1))
    async with database.write() as session:
        assert [one.kind for one in await notices.due(session, clock.now(), 9)] == ["booked", "moved"]
