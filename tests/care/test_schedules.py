"""Weekly clinics as they are really held: exceptions, holidays, limits, and a changed schedule over booked slots."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.limits import may_book
from care.appointments.models import Kind, OnHolidays, Schedule, ScheduleException, Slot, Status
from care.appointments.planning import Calendar, Hours, exceptions_by_key, planned
from care.appointments.replanning import replan
from care.appointments.rules import RULES
from care.appointments.views import Booked, Held, Limits, Refused, Why
from care.hospital.models import DayKind
from care.hospital.workdays import Workdays, set_day
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.patients.persons import contacts_of_person
from care.patients.service import PatientData
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World

DOCTOR = new_id()
# The State Council's notice for 2026: 1 to 7 October off (1 October is a Thursday), Saturday 10 October worked.
NATIONAL, SATURDAY_WORKED = date(2026, 10, 1), date(2026, 10, 10)


def clinic(**given: Any) -> Schedule:
    told = {
        "id": new_id(), "practitioner_id": DOCTOR, "department_id": DOCTOR, "weekday": 3, "part": "morning",
        "starts": time(8), "ends": time(9), "slot_minutes": 20, "capacity": 2, "fee_fen": 800, "active": True,
        "kind": Kind.GENERAL, "overbook": 0, "on_holidays": OnHolidays.FOLLOW,
    }  # fmt: skip
    return Schedule(**(told | given))


def exception(**given: Any) -> ScheduleException:
    return ScheduleException(**({"id": new_id(), "closed": False} | given))


def test_a_clinic_is_held_on_its_weekday_within_its_dates() -> None:
    plain = clinic()
    assert Calendar().hours(plain, date(2026, 11, 26)) == Hours(time(8), time(9), 2)
    assert Calendar().hours(plain, date(2026, 11, 27)) is None
    bounded = clinic(valid_from=date(2026, 11, 20), valid_to=date(2026, 11, 26))
    held = [day for day in (19, 26) if Calendar().hours(bounded, date(2026, 11, day))]
    assert held == [26]
    assert Calendar().hours(clinic(active=False), date(2026, 11, 26)) is None


def test_holidays_are_followed_ignored_or_worked_instead() -> None:
    on = {behaviour: clinic(on_holidays=behaviour) for behaviour in OnHolidays}
    held = {name: Calendar().hours(one, NATIONAL) is not None for name, one in on.items()}
    assert held == {OnHolidays.FOLLOW: False, OnHolidays.IGNORE: True, OnHolidays.REPLACE: True}
    plain = date(2026, 11, 26)
    assert [name for name, one in on.items() if Calendar().hours(one, plain)] == [
        OnHolidays.FOLLOW,
        OnHolidays.IGNORE,
    ]


def test_a_swapped_day_is_held_as_the_weekday_the_hospital_says() -> None:
    thursday, saturday = clinic(), clinic(weekday=5)
    assert Calendar().hours(thursday, SATURDAY_WORKED) is None, "nobody has said which weekday it stands for"
    said = Calendar(Workdays({SATURDAY_WORKED: None}, {SATURDAY_WORKED: 3}))
    assert said.hours(thursday, SATURDAY_WORKED) is not None
    assert said.hours(saturday, SATURDAY_WORKED) is None
    assert said.hours(clinic(on_holidays=OnHolidays.IGNORE), SATURDAY_WORKED) is None


def test_an_exception_of_the_clinic_wins_over_its_doctors_and_both_over_holidays() -> None:
    one, day = clinic(), date(2026, 11, 26)
    doctors = exception(practitioner_id=DOCTOR, day=day, closed=True)
    own = exception(schedule_id=one.id, day=day, starts=time(10), ends=time(11), capacity=1)
    opened = exception(schedule_id=one.id, day=NATIONAL)
    extra = exception(schedule_id=one.id, day=date(2026, 11, 28))
    assert Calendar(exceptions=exceptions_by_key([doctors])).hours(one, day) is None
    both = Calendar(exceptions=exceptions_by_key([doctors, own, opened, extra]))
    assert both.hours(one, day) == Hours(time(10), time(11), 1)
    assert both.hours(one, NATIONAL) == both.hours(one, extra.day) == Hours(time(8), time(9), 2)
    fewer = exception(practitioner_id=DOCTOR, day=day, capacity=1)
    assert Calendar(exceptions=exceptions_by_key([fewer])).hours(one, day) == Hours(time(8), time(9), 1)


def test_slots_carry_what_the_clinic_says(clock: VirtualClock) -> None:
    place = new_id()
    one = clinic(kind=Kind.EXPERT, overbook=1, max_age=14, location_id=place)
    rows = list(planned([one], [date(2026, 11, 26)], Calendar(places={place: "门诊楼2层"}), clock))
    assert [clock.local_naive(row["start"]).time() for row in rows] == [time(8), time(8, 20), time(8, 40)]
    told = {name: rows[0][name] for name in ("kind", "overbook", "max_age", "place", "capacity")}
    assert told == {"kind": "expert", "overbook": 1, "max_age": 14, "place": "门诊楼2层", "capacity": 2}


# --- a changed schedule over slots that are made ---


async def _clinic_of(database: Database, doctor: UUID) -> UUID:
    async with database.read() as session:
        found = await session.scalar(select(Schedule.id).where(Schedule.practitioner_id == doctor))
    assert found is not None
    return found


async def _book_first(database: Database, clock: VirtualClock, doctor: UUID, patient: UUID) -> Booked:
    async with database.write() as session:
        [first] = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await appointments.hold(session, slot_id=first.slot_id, patient_id=patient, now=clock.now())
        assert isinstance(held, Held)
        done = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")
    assert isinstance(done, Booked)
    return done


async def _change(database: Database, schedule_id: UUID, **values: Any) -> None:
    async with database.write() as session:
        row = await session.get_one(Schedule, schedule_id)
        for name, value in values.items():
            setattr(row, name, value)


async def test_a_changed_clinic_moves_its_free_slots_and_names_the_booked(
    database: Database, clock: VirtualClock, world: World
) -> None:
    schedule = await _clinic_of(database, world.li)
    booked = await _book_first(database, clock, world.li, world.wang)
    await _change(database, schedule, starts=time(9, 30), ends=time(10, 30), fee_fen=2800)
    async with database.write() as session:
        seen = await replan(session, clock, [schedule], ahead=7, apply=False)
        assert await session.scalar(select(func.count()).where(Slot.status == "gone")) == 0, "only looked at"
        done = await replan(session, clock, [schedule], ahead=7)
    assert seen == done
    assert (done.added, done.removed, done.changed) == (3, 3, 3)
    [stuck] = done.stuck
    assert stuck.start == booked.appointment.start and stuck.taken == 1
    async with database.write() as session:
        again = await replan(session, clock, [schedule], ahead=7)
        assert (again.added, again.removed, again.changed) == (0, 0, 0) and again.stuck == done.stuck
        free = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=20)
        assert len(free) == 6 and {one.fee_fen for one in free} == {2800}
        assert clock.local_naive(free[0].start).time() == time(9, 30)
        kept = await appointments.get(session, booked.appointment.appointment_id)
        assert kept == booked.appointment
        # Cancelled, its place is not given out again: the clinic is not held then any more.
        await appointments.cancel(session, kept.appointment_id, now=clock.now())
        assert len(await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=20)) == 6
    await _change(database, schedule, starts=time(9), ends=time(10), fee_fen=1800)
    async with database.write() as session:
        back = await replan(session, clock, [schedule], ahead=7)
        assert back.stuck == () and (back.added, back.removed) == (2, 3)
        assert len(await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=20)) == 6


async def test_fewer_places_never_fewer_than_promised(
    database: Database, clock: VirtualClock, world: World
) -> None:
    schedule = await _clinic_of(database, world.li)
    await _change(database, schedule, capacity=2)
    async with database.write() as session:
        await replan(session, clock, [schedule], ahead=7)
    for who in (world.wang, world.lijing):
        await _book_first(database, clock, world.li, who)
    await _change(database, schedule, capacity=1)
    async with database.write() as session:
        done = await replan(session, clock, [schedule], ahead=7)
        assert [one.taken for one in done.stuck] == [2]
        assert sorted(await session.scalars(select(Slot.capacity).where(Slot.schedule_id == schedule))) == [
            1, 1, 1, 1, 1, 2,
        ]  # fmt: skip


async def test_a_hospitals_day_off_takes_the_free_slots_of_all(
    database: Database, clock: VirtualClock, world: World
) -> None:
    async with database.write() as session:
        [first] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
        await set_day(session, first.day, DayKind.OFF, "院庆")
        done = await replan(session, clock, ahead=7, first=first.day, last=first.day)
        assert done.removed == 15 and not done.stuck
        assert await slots.find_slots(session, now=clock.now(), limit=20) == []
        await slots.generate_slots(session, clock, days=7)
        assert await slots.find_slots(session, now=clock.now(), limit=20) == [], "and none are made again"


async def test_staff_may_overbook_as_far_as_the_clinic_allows(
    database: Database, clock: VirtualClock, world: World
) -> None:
    schedule = await _clinic_of(database, world.li)
    await _change(database, schedule, overbook=1)
    async with database.write() as session:
        await replan(session, clock, [schedule], ahead=7)
        [slot] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)

        async def ask(patient: UUID, *, by_staff: bool) -> Held | Refused:
            return await appointments.hold(
                session, slot_id=slot.slot_id, patient_id=patient, now=clock.now(), by_staff=by_staff
            )

        assert isinstance(await ask(world.wang, by_staff=False), Held)
        assert await ask(world.lijing, by_staff=False) == Refused(Why.FULL)
        assert isinstance(await ask(world.lijing, by_staff=True), Held)
        assert await ask(world.zhang, by_staff=True) == Refused(Why.FULL)


@pytest.mark.parametrize(
    ("who", "limits", "why"),
    [
        ("child", Limits(max_age=14), None),
        ("lijing", Limits(max_age=14), Why.AGE),
        ("child", Limits(min_age=18), Why.AGE),
        ("zhang", Limits(sex="female"), Why.SEX),
        ("lijing", Limits(sex="female"), None),
    ],
)
async def test_whom_a_clinic_sees(
    database: Database, clock: VirtualClock, world: World, who: str, limits: Limits, why: Why | None
) -> None:
    schedule = await _clinic_of(database, world.li)
    names = ("min_age", "max_age", "sex")
    await _change(database, schedule, **{name: getattr(limits, name) for name in names})
    async with database.write() as session:
        await replan(session, clock, [schedule], ahead=7)
        [slot] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
        patient = await session.get_one(Patient, getattr(world, who))
        answer = may_book(patient, slot, clock.local().date())
        assert answer == (Refused(why, limits=limits) if why else None)
        assert may_book(patient, slot, slot.day + timedelta(days=1)) == Refused(Why.PAST)


# --- per person ---


async def test_one_person_over_several_accounts_holds_no_more_than_one(
    database: Database, clock: VirtualClock, world: World
) -> None:
    """The dealer's way: several accounts, several records of one ID number, a patient from the family on each."""
    accounts = [new_id() for _ in range(3)]
    async with database.write() as session:
        again = PatientData("D0000099", "王秀兰", "female", date(1964, 3, 12), None, "990100196403120024")
        twin = (await patients.create(session, again, clock.now())).id
        for account, record in zip(accounts, (world.wang, world.wang, twin), strict=True):
            await patients.link_contact(session, record, account, Relation.SELF, at=clock.now())
        assert await contacts_of_person(session, accounts[0]) == sorted(accounts)
        free = await slots.find_slots(session, now=clock.now(), department_id=world.eye, limit=9)

        async def ask(account: UUID, patient: UUID, n: int) -> Held | Refused:
            return await appointments.hold(
                session, slot_id=free[n].slot_id, patient_id=patient, now=clock.now(), contact_id=account
            )

        assert isinstance(await ask(accounts[0], world.lijing, 0), Held)
        assert isinstance(await ask(accounts[1], world.zhang, 1), Held)
        assert await ask(accounts[2], world.child, 2) == Refused(Why.TOO_MANY_HOLDS)
        assert isinstance(await ask(new_id(), world.child, 2), Held), "a stranger is not this person"


async def test_who_stayed_away_three_times_books_through_people_for_a_while(
    database: Database, clock: VirtualClock, world: World
) -> None:
    for _ in range(RULES.noshows):
        async with database.write() as session:
            await slots.generate_slots(session, clock, days=7)
        done = await _book_first(database, clock, world.li, world.wang)
        start = done.appointment.start
        clock.freeze(start + timedelta(hours=3))
        async with database.write() as session:
            assert await appointments.move_on(
                session, done.appointment.appointment_id, Status.NOSHOW, now=clock.now()
            )
    until = start + RULES.noshow_pause

    async def ask(*, by_staff: bool = False) -> Held | Refused:
        async with database.write() as session:
            await slots.generate_slots(session, clock, days=7)
            [free] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
            return await appointments.hold(
                session,
                slot_id=free.slot_id,
                patient_id=world.wang,
                now=clock.now(),
                contact_id=None if by_staff else new_id(),
                by_staff=by_staff,
            )

    assert await ask() == Refused(Why.NOSHOWS, until=until)
    assert isinstance(await ask(by_staff=True), Held)
    clock.freeze(until)
    assert isinstance(await ask(), Held)
