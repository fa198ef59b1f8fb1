"""候补: the first in line is offered the place and nobody else; unanswered it goes on; what cannot be had any more ends."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from care.appointments import service, slots
from care.appointments.models import Slot, SlotHold
from care.appointments.views import Booked, Held
from care.appointments.waitlist import service as waitlist
from care.appointments.waitlist.models import Waiting, WaitlistEntry
from care.hospital.models import Practitioner
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

TUESDAY = date(2026, 11, 24)


async def fill(database: Database, doctor: UUID) -> None:
    async with database.write() as session:
        for row in await session.scalars(select(Slot).where(Slot.practitioner_id == doctor)):
            row.taken = row.capacity


async def free_one(database: Database, doctor: UUID) -> UUID:
    """A place becomes free, as when somebody cancels."""
    async with database.write() as session:
        rows = await session.scalars(select(Slot).where(Slot.practitioner_id == doctor).order_by(Slot.start))
        first = rows.all()[0]
        first.taken -= 1
        return first.id


async def join(
    database: Database, clock: VirtualClock, world: World, patient: UUID, doctor: UUID | None = None
) -> UUID:
    async with database.write() as session:
        entry, new = await waitlist.join(
            session,
            patient_id=patient,
            department_id=world.eye,
            practitioner_id=doctor,
            conversation_id=uuid4(),
            first_day=clock.local().date(),
            last_day=TUESDAY,
            now=clock.now(),
        )
        assert new
    clock.advance(timedelta(seconds=1))
    return entry.id


async def offered(database: Database, clock: VirtualClock) -> list[tuple[UUID, UUID]]:
    async with database.write() as session:
        return [(one.entry.patient_id, one.slot.slot_id) for one in await waitlist.offer(session, clock, 9)]


async def test_the_first_in_line_is_offered_the_place_and_it_is_kept(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    await fill(database, world.zhao)
    await join(database, clock, world, world.wang, world.li)
    await join(database, clock, world, world.lijing)
    assert await offered(database, clock) == []
    slot = await free_one(database, world.li)
    assert await offered(database, clock) == [(world.wang, slot)]
    assert await offered(database, clock) == []
    async with database.read() as session:
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li) == []


async def test_a_place_the_first_cannot_have_is_the_next_ones(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """The first in line is elsewhere at that time; those behind with the same wish do not wait for that."""
    async with database.write() as session:
        [slot, *_] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.qian, limit=1)
        held = await service.hold(session, slot_id=slot.slot_id, patient_id=world.zhang, now=clock.now())
        assert isinstance(held, Held)
        await service.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")
    await fill(database, world.li)
    await join(database, clock, world, world.zhang, world.li)
    await join(database, clock, world, world.wang, world.li)
    free = await free_one(database, world.li)
    assert await offered(database, clock) == [(world.wang, free)]


async def test_unanswered_it_goes_to_the_next_and_the_first_stands_at_the_end(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    await join(database, clock, world, world.wang, world.li)
    await join(database, clock, world, world.lijing, world.li)
    slot = await free_one(database, world.li)
    assert await offered(database, clock) == [(world.wang, slot)]
    clock.advance(waitlist.OFFER_FOR)
    async with database.write() as session:
        assert await waitlist.run_out(session, clock) == []
    assert await offered(database, clock) == [(world.lijing, slot)]


async def test_booked_by_the_offer_nobody_waits_any_more(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    entry = await join(database, clock, world, world.wang, world.li)
    await free_one(database, world.li)
    await offered(database, clock)
    async with database.write() as session:
        row = await waitlist.get(session, entry)
        assert row is not None
        assert row.hold_id is not None
        assert isinstance(
            await service.confirm(session, row.hold_id, now=clock.now(), created_via="sms"), Booked
        )
        await waitlist.booked(session, world.wang, world.eye, now=clock.now())
    async with database.read() as session:
        assert (await session.get_one(WaitlistEntry, entry)).status == Waiting.BOOKED
        assert (await session.scalars(select(SlotHold))).all() == []
        first = select(Slot).where(Slot.practitioner_id == world.li).order_by(Slot.start)
        rows = (await session.scalars(first)).all()
        assert all(one.taken == one.capacity for one in rows)


async def test_who_leaves_gives_the_kept_place_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    entry = await join(database, clock, world, world.wang, world.li)
    slot = await free_one(database, world.li)
    await offered(database, clock)
    async with database.write() as session:
        assert await waitlist.leave(session, entry, now=clock.now())
        assert not await waitlist.leave(session, entry, now=clock.now())
    async with database.read() as session:
        found = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
    assert [one.slot_id for one in found] == [slot]


async def test_asked_for_twice_it_is_one_place_in_line_with_the_new_wish(
    database: Database, world: World, clock: VirtualClock
) -> None:
    entry = await join(database, clock, world, world.wang, world.li)
    async with database.write() as session:
        again, new = await waitlist.join(
            session,
            patient_id=world.wang,
            department_id=world.eye,
            conversation_id=uuid4(),
            first_day=TUESDAY,
            last_day=TUESDAY,
            now=clock.now(),
        )
    assert (again.id, new, again.practitioner_id) == (entry, False, None)


async def test_nothing_is_offered_at_night_or_so_soon_that_nobody_can_come(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    await join(database, clock, world, world.wang, world.li)
    await free_one(database, world.li)
    async with database.read() as session:
        start = (await session.scalars(select(Slot.start).where(Slot.practitioner_id == world.li))).first()
    assert start is not None
    night = clock.to_utc(clock.local_naive().replace(hour=23, minute=0))
    clock.advance(night - clock.now())
    assert await offered(database, clock) == []
    clock.advance(start - timedelta(hours=1) - clock.now())
    assert await offered(database, clock) == []


async def test_days_that_are_past_and_a_doctor_who_is_gone_end_it(
    database: Database, world: World, clock: VirtualClock
) -> None:
    gone = await join(database, clock, world, world.wang, world.li)
    past = await join(database, clock, world, world.lijing)
    async with database.write() as session:
        (await session.get_one(Practitioner, world.li)).active = False
    async with database.write() as session:
        assert [one.id for one in await waitlist.run_out(session, clock)] == [gone]
    clock.advance(timedelta(days=3))
    async with database.write() as session:
        assert [one.id for one in await waitlist.run_out(session, clock)] == [past]


async def test_three_offers_without_an_answer_end_it(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await fill(database, world.li)
    entry = await join(database, clock, world, world.wang, world.li)
    await free_one(database, world.li)
    for number in range(waitlist.MOST_OFFERS):
        assert len(await offered(database, clock)) == 1, number
        clock.advance(waitlist.OFFER_FOR)
        async with database.write() as session:
            ended = [one.id for one in await waitlist.run_out(session, clock)]
    assert ended == [entry]
    assert await offered(database, clock) == []
