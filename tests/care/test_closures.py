"""停诊: nothing more is booked, everybody is told once, it can be taken back in time; the substitute keeps the time and place."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from care.appointments import service, slots
from care.appointments.closures import service as closures
from care.appointments.closures.models import ClosureNotice, Owed, Reason
from care.appointments.closures.service import ClosureError, Wanted
from care.appointments.models import Appointment, Part, Slot, Status
from care.appointments.views import Booked, Held, Refused
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

TUESDAY = date(2026, 11, 24)
NURSE = uuid4()


async def _book(database: Database, clock: VirtualClock, doctor: UUID, patient: UUID) -> UUID:
    async with database.write() as session:
        found = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await service.hold(session, slot_id=found[0].slot_id, patient_id=patient, now=clock.now())
        assert isinstance(held, Held)
        booked = await service.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(booked, Booked)
        return booked.appointment.appointment_id


def _of(world: World, **changes: object) -> Wanted:
    values: dict[str, object] = {
        "department_id": world.eye,
        "first_day": TUESDAY,
        "last_day": TUESDAY,
        "reason": Reason.ILLNESS,
        "practitioner_id": world.li,
    }
    return Wanted(**{**values, **changes})  # type: ignore[arg-type]


async def test_a_preview_names_whom_it_touches_and_changes_nothing(
    database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await _book(database, clock, world.li, world.wang)
    await _book(database, clock, world.zhao, world.lijing)
    async with database.read() as session:
        before = (await session.scalars(select(Slot.status).where(Slot.practitioner_id == world.li))).all()
        seen = await closures.preview(session, _of(world), clock.now())
    assert [one.appointment_id for one in seen.appointments] == [mine]
    assert seen.arrived == []
    assert seen.open_slots == len(before) - 1
    assert set(before) == {"free"}


async def test_closing_ends_booking_at_once_and_owes_each_a_notice_after_a_minute(
    database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        free = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
        held = await service.hold(session, slot_id=free[0].slot_id, patient_id=world.lijing, now=clock.now())
        assert isinstance(held, Held)
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    async with database.write() as session:
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li) == []
        late = await service.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")
        assert isinstance(late, Refused)
        assert await closures.due(session, clock.now(), 9) == []
        assert not await closures.is_due(session, clock.now())
    clock.advance(closures.UNDO_FOR)
    async with database.write() as session:
        due = await closures.due(session, clock.now(), 9)
        assert [(one.appointment_id, one.closure_id) for one in due] == [(mine, row.id)]


async def test_taken_back_in_time_nobody_is_told_and_the_places_are_there_again(
    database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    async with database.write() as session:
        assert await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())
        assert not await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())
    clock.advance(closures.UNDO_FOR)
    async with database.write() as session:
        assert await closures.due(session, clock.now(), 9) == []
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
        view = await service.get(session, mine)
        assert view is not None
        assert view.status is Status.BOOKED


async def test_once_somebody_was_told_it_cannot_be_taken_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
        notice = (await session.scalars(select(ClosureNotice))).one()
        notice.state = Owed.TOLD
    async with database.write() as session:
        assert not await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())


async def test_who_is_being_told_this_moment_counts(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """The button in the second in which the first notices go: either nobody hears, or it is too late."""
    mine = await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    clock.advance(closures.UNDO_FOR)
    locked, go = asyncio.Event(), asyncio.Event()

    async def tell() -> None:
        async with database.write() as session:
            [notice] = await closures.due(session, clock.now(), 9)
            notice.state, notice.due_at = Owed.TOLD, None
            await service.cancel(session, mine, now=clock.now(), by_staff=True)
            await session.flush()
            locked.set()
            await go.wait()

    async def undo() -> bool:
        async with database.write() as session:
            return await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())

    telling = asyncio.create_task(tell())
    await locked.wait()
    undoing = asyncio.create_task(undo())
    await asyncio.sleep(0.3)
    go.set()
    await telling
    assert not await undoing
    async with database.read() as session:
        found = await closures.progress(session, row.id)
    assert found is not None and found.states == {Owed.TOLD: 1} and not found.undoable


async def test_held_after_all_places_are_free_again_and_who_was_told_stays_cancelled(
    database: Database, world: World, clock: VirtualClock
) -> None:
    told = await _book(database, clock, world.li, world.wang)
    waits = await _book(database, clock, world.li, world.lijing)
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    async with database.write() as session:
        notice = await session.get_one(ClosureNotice, (row.id, told))
        notice.state, notice.due_at = Owed.TOLD, None
        await service.cancel(session, told, now=clock.now(), by_staff=True)
    clock.advance(closures.UNDO_FOR)
    async with database.write() as session:
        assert await closures.reopen(session, row.id, staff_id=NURSE, now=clock.now())
        assert not await closures.reopen(session, row.id, staff_id=NURSE, now=clock.now())
    async with database.write() as session:
        assert await closures.due(session, clock.now(), 9) == []
        await closures.block_covered(session, clock.now())
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
        assert [(await session.get_one(Appointment, one)).status for one in (told, waits)] == [
            Status.CANCELLED,
            Status.BOOKED,
        ]


async def test_what_two_closures_touch_is_told_though_the_one_that_owed_it_is_taken_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        one = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
        whole = await closures.close(
            session, _of(world, practitioner_id=None, reason=Reason.HOLIDAY), staff_id=NURSE, clock=clock
        )
    async with database.write() as session:
        assert await closures.undo(session, one.id, staff_id=NURSE, now=clock.now())
    clock.advance(closures.UNDO_FOR)
    async with database.write() as session:
        due = await closures.due(session, clock.now(), 9)
        assert [(owed.appointment_id, owed.closure_id) for owed in due] == [(mine, whole.id)]


async def test_undoing_one_closure_leaves_what_another_still_closes(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        whole = await closures.close(
            session, _of(world, practitioner_id=None, reason=Reason.HOLIDAY), staff_id=NURSE, clock=clock
        )
        one = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    async with database.write() as session:
        assert await closures.undo(session, one.id, staff_id=NURSE, now=clock.now())
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li) == []
        assert await closures.undo(session, whole.id, staff_id=NURSE, now=clock.now())
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)


async def test_two_closures_over_one_appointment_tell_it_once(
    database: Database, world: World, clock: VirtualClock
) -> None:
    await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
        await closures.close(session, _of(world, practitioner_id=None), staff_id=NURSE, clock=clock)
    async with database.read() as session:
        assert len((await session.scalars(select(ClosureNotice))).all()) == 1


async def test_the_same_is_not_closed_twice(database: Database, world: World, clock: VirtualClock) -> None:
    """Two nurses hear of it at once: who is second is told, and one closure can be taken back."""
    async with database.write() as session:
        row = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
    for wanted in (_of(world), _of(world, part=Part.MORNING)):
        async with database.write() as session:
            with pytest.raises(ClosureError, match="closed_already"):
                await closures.close(session, wanted, staff_id=NURSE, clock=clock)
    async with database.write() as session:
        assert await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())
        await closures.close(session, _of(world), staff_id=NURSE, clock=clock)


async def test_slots_made_later_for_a_closed_day_are_closed_too(
    database: Database, world: World, clock: VirtualClock
) -> None:
    later = TUESDAY + timedelta(days=14)
    async with database.write() as session:
        await closures.close(
            session, _of(world, first_day=later, last_day=later), staff_id=NURSE, clock=clock
        )
        await slots.generate_slots(session, clock, days=28)
        await closures.block_covered(session, clock.now())
    async with database.read() as session:
        states = await session.execute(select(Slot.day, Slot.status).where(Slot.practitioner_id == world.li))
        closed = {(day, status) for day, status in states}
    assert (later, "blocked") in closed
    assert (later, "free") not in closed
    assert (later + timedelta(days=7), "free") in closed


async def test_a_substitute_keeps_time_and_place_and_undoing_gives_all_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await _book(database, clock, world.li, world.wang)
    async with database.write() as session:
        row = await closures.close(session, _of(world, substitute_id=world.zhao), staff_id=NURSE, clock=clock)
    new = await _book(database, clock, world.zhao, world.lijing)
    async with database.read() as session:
        doctors = await session.execute(
            select(Slot.practitioner_id).where(
                Slot.part == "morning", Slot.department_id == world.eye, Slot.day == TUESDAY
            )
        )
        assert set(doctors.scalars()) == {world.zhao}
    async with database.write() as session:
        assert await closures.undo(session, row.id, staff_id=NURSE, now=clock.now())
    async with database.read() as session:
        both = await session.scalars(select(Appointment).where(Appointment.id.in_([mine, new])))
        assert {one.practitioner_id for one in both} == {world.li}
        assert await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"last_day": TUESDAY - timedelta(days=1)}, "days_backward"),
        ({"first_day": date(2026, 11, 1), "last_day": date(2026, 11, 2)}, "days_past"),
        ({"last_day": TUESDAY + timedelta(days=400)}, "days_many"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_reason(
    database: Database, world: World, clock: VirtualClock, changes: dict[str, object], why: str
) -> None:
    async with database.write() as session:
        with pytest.raises(ClosureError) as error:
            await closures.close(session, _of(world, **changes), staff_id=NURSE, clock=clock)
    assert error.value.why == why


async def test_a_substitute_must_be_of_the_department_free_then_and_somebody_else(
    database: Database, world: World, clock: VirtualClock
) -> None:
    whys = []
    async with database.write() as session:
        for wanted in (
            _of(world, substitute_id=world.li),
            _of(world, substitute_id=world.qian),
            _of(world, practitioner_id=None, substitute_id=world.zhao),
            _of(world, practitioner_id=world.zhao, substitute_id=world.li, part=None),
        ):
            try:
                await closures.check(session, wanted, clock.local().date())
                whys.append("")
            except ClosureError as error:
                whys.append(error.why)
    assert whys == ["substitute_same", "substitute_elsewhere", "substitute_for_one", ""]


@pytest.mark.parametrize("first", ["confirm", "close"])
async def test_a_confirmation_in_the_very_moment_of_the_closure_is_told_or_refused(
    database: Database, world: World, clock: VirtualClock, first: str
) -> None:
    """Neither has committed when the other begins: whoever is booked is owed a notice."""
    async with database.write() as session:
        free = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
        held = await service.hold(session, slot_id=free[0].slot_id, patient_id=world.wang, now=clock.now())
        assert isinstance(held, Held)
    done, may_end = asyncio.Event(), asyncio.Event()

    async def step(name: str) -> object:
        if name != first:
            await done.wait()
        async with database.write(name) as session:
            result: object
            if name == "close":
                result = await closures.close(session, _of(world), staff_id=NURSE, clock=clock)
            else:
                result = await service.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")
            if name == first:
                done.set()
                await may_end.wait()
        return result

    tasks = {name: asyncio.create_task(step(name)) for name in ("confirm", "close")}
    await done.wait()
    # The second one waits for the first, or, where it does not, is through before the first has committed.
    await asyncio.wait([task for name, task in tasks.items() if name != first], timeout=0.5)
    may_end.set()
    booked, _ = await asyncio.gather(*tasks.values())
    assert isinstance(booked, Booked if first == "confirm" else Refused)
    async with database.read() as session:
        standing = set(await session.scalars(select(Appointment.id)))
        assert set(await session.scalars(select(ClosureNotice.appointment_id))) == standing
        assert len(standing) == (first == "confirm")
