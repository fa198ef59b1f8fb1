"""Booking: how many a second beside the bare statements, a thousand patients on fifty places, and the search for free ones.

`booking_per_second_*`: a hold and its confirmation, each a committed transaction, as a chat does them (with contact and
conversation), 20 patients in parallel. Against the bare conditional `UPDATE slot … taken < capacity` and the INSERT of the
appointment, nothing else, one committed transaction, over the same pool and parallelism: `Database.transact`, where SQLite shares
commits for both. A first round of each is not counted; after it the tables are analysed, as PostgreSQL does by itself within a
minute: nobody's bookings go by plans made for empty tables. `booking_bare_driver_*` is the same pair on the naked driver (asyncpg's
pool; sqlite3 in a loop, no awaiting), for who wants to know what Python's database layers cost.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.booking_rows import NOW, clinics, hospital, people
from bench.callback import postgres
from bench.outbox import keys, on_sqlite
from bench.results import Result, keep
from bench.turn import at
from care.appointments import service, shared, slots
from care.appointments.models import Appointment, Slot
from care.appointments.views import Booked, HalfDayView, Held, Refused
from server import migrate
from server.serve import spare_the_collector
from store.database import Database
from store.ids import new_id

PATIENTS, PARALLEL, ROUNDS = 1_000, 20, 5
RUSH, PLACES, WARM = 1_000, 50, 200
DOCTORS, DAYS, SEARCHES = 1_000, 60, 200
_SLOT, _APPOINTMENT = Slot.__table__, Appointment.__table__
_TAKE = (
    update(Slot)
    .where(Slot.id == bindparam("which"), Slot.taken < Slot.capacity)
    .values(taken=Slot.taken + 1)
    .execution_options(synchronize_session=False)
)
_COLUMNS = ("id", "status", "patient_id", "slot_id", "practitioner_id", "department_id", "start", "day", "part", "fee_fen",
            "created_via", "created_at", "changed_at", "kind")  # fmt: skip

Facts = dict[UUID, tuple[Any, ...]]
"""By slot: practitioner, department, start, day, part."""


async def each(who: Sequence[UUID], act: Callable[[int, UUID], Awaitable[None]]) -> float:
    """Patients a second, `PARALLEL` at once."""
    gate = asyncio.Semaphore(PARALLEL)

    async def one(n: int, patient: UUID) -> None:
        async with gate:
            await act(n, patient)

    spare_the_collector()
    begun = time.perf_counter()
    await asyncio.gather(*(one(n, patient) for n, patient in enumerate(who)))
    return len(who) / (time.perf_counter() - begun)


async def book(
    database: Database,
    slot: UUID,
    patient: UUID,
    contact: UUID,
    talk: UUID,
    instead_of: UUID | None = None,
) -> Booked | Refused | Sequence[HalfDayView]:
    """As the chat: held in one transaction, confirmed in another; what is full is answered with other times of the department
    `instead_of` in the transaction that found it full."""

    async def hold(session: AsyncSession) -> Held | Refused | Sequence[HalfDayView]:
        held = await service.hold(
            session, slot_id=slot, patient_id=patient, contact_id=contact, conversation_id=talk, now=NOW
        )
        if isinstance(held, Held) or instead_of is None:
            return held
        return await shared.half_days_left(session, slot, now=NOW, department_id=instead_of)

    held = await database.transact(hold, "hold")
    if not isinstance(held, Held):
        return held

    async def confirm(session: AsyncSession) -> Booked | Refused:
        return await service.confirm(session, held.hold_id, now=NOW, created_via="wechat")

    return await database.transact(confirm, "confirm")


def _row(patient: UUID, slot: UUID, facts: Facts) -> tuple[Any, ...]:
    return (new_id(), "booked", patient, slot, *facts[slot], 1800, "wechat", NOW, NOW, "general")


async def _per_second(database: Database) -> list[Result]:
    departments = await hospital(database, 10)
    places = await clinics(database, departments, doctors=50, days=10, a_half_day=6, capacity=30)
    columns = (Slot.practitioner_id, Slot.department_id, Slot.start, Slot.day, Slot.part)
    async with database.read("bench-facts") as session:
        facts = {row[0]: tuple(row[1:]) for row in await session.execute(select(Slot.id, *columns))}

    def slot_of(n: int) -> UUID:
        return places[n * 7 % len(places)]

    async def ours(n: int, patient: UUID) -> None:
        done = await book(database, slot_of(n), patient, new_id(), new_id())
        assert isinstance(done, Booked), done

    async def bare(n: int, patient: UUID) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(_TAKE, {"which": slot_of(n)})
            row = dict(zip(_COLUMNS, _row(patient, slot_of(n), facts), strict=True))
            await session.execute(_insert, row)

        await database.transact(work, "bare")

    async def naked(who: Sequence[UUID]) -> float:
        return await _driver(database, who, slot_of, facts)

    took: dict[str, list[float]] = {"ours": [], "bare": [], "driver": []}
    ways = {"ours": partial(each, act=ours), "bare": partial(each, act=bare), "driver": naked}
    first = 0
    for warm in (False, *(True,) * ROUNDS):
        for name, way in ways.items():
            rate = await way(await people(database, PATIENTS, first))
            first += PATIENTS
            if warm:
                took[name].append(rate)
        if not warm and not database.is_sqlite:
            await _analyse(database)
    name = database.url.get_backend_name()
    value, beside, naked = (statistics.median(took[one]) for one in ("ours", "bare", "driver"))
    against = f"the bare conditional UPDATE and INSERT, committed, on the same pool, {name}"
    return [
        Result(f"booking_per_second_{name}", value, "bookings/s", against, beside),
        Result(
            f"booking_bare_driver_{name}",
            value,
            "bookings/s",
            f"the same two on the naked driver, {name}",
            naked,
        ),
    ]


_insert = insert(Appointment)


async def _driver(
    database: Database, who: Sequence[UUID], slot_of: Callable[[int], UUID], facts: Facts
) -> float:
    names = ", ".join(_COLUMNS)
    if database.is_sqlite:
        return _sqlite(str(database.url.database), who, slot_of, facts, names)
    marks = ", ".join(f"${n}" for n in range(1, len(_COLUMNS) + 1))
    url = database.url.set(drivername="postgresql").render_as_string(False)
    pool = await asyncpg.create_pool(url, min_size=PARALLEL, max_size=PARALLEL)

    async def act(n: int, patient: UUID) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE slot SET taken = taken + 1 WHERE id = $1 AND taken < capacity", slot_of(n)
            )
            row = _row(patient, slot_of(n), facts)
            await connection.execute(f"INSERT INTO appointment ({names}) VALUES ({marks})", *row)

    try:
        return await each(who, act)
    finally:
        await pool.close()


def _sqlite(
    path: str, who: Sequence[UUID], slot_of: Callable[[int], UUID], facts: Facts, names: str
) -> float:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        return value.hex if isinstance(value, UUID) else value if isinstance(value, int) else str(value)

    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-16000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    marks = ", ".join("?" for _ in _COLUMNS)
    begun = time.perf_counter()
    for n, patient in enumerate(who):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE slot SET taken = taken + 1 WHERE id = ? AND taken < capacity", (slot_of(n).hex,)
        )
        row = [plain(value) for value in _row(patient, slot_of(n), facts)]
        connection.execute(f"INSERT INTO appointment ({names}) VALUES ({marks})", row)
        connection.execute("COMMIT")
    took = time.perf_counter() - begun
    connection.close()
    return len(who) / took


async def _rush(database: Database) -> list[Result]:
    """A thousand patients at once on fifty places of one clinic. Every loser is offered another time.

    The server has been in use before, as when a clinic is opened it has: `PARALLEL` at once have booked elsewhere and asked for more.
    """
    [department] = await hospital(database, 1)
    first_doctor = await clinics(database, [department], doctors=1, days=1, a_half_day=25, capacity=1)
    assert len(first_doctor) == PLACES
    async with database.read("bench-wanted") as session:
        doctor = await session.scalar(select(Slot.practitioner_id).where(Slot.id == first_doctor[0]))
    others = await clinics(database, [department], doctors=4, days=10, a_half_day=6, capacity=5, named="C")
    earlier = await people(database, WARM, 400_000)

    async def book_elsewhere(n: int, patient: UUID) -> None:
        assert isinstance(await book(database, others[n], patient, new_id(), new_id()), Booked)
        async with database.read("bench-asked") as session:
            assert await slots.find_half_days(session, now=NOW, department_id=department)

    await each(earlier, book_elsewhere)
    if not database.is_sqlite:
        await _analyse(database)
    who = await people(database, RUSH, 500_000)
    spare_the_collector()

    async def one(n: int, patient: UUID) -> tuple[bool, bool, float]:
        begun, contact, talk = time.perf_counter(), new_id(), new_id()
        done = await book(database, first_doctor[n % PLACES], patient, contact, talk, department)
        offered = isinstance(done, list) and bool(done)
        return isinstance(done, Booked), offered, time.perf_counter() - begun

    got = await asyncio.gather(*(one(n, patient) for n, patient in enumerate(who)))
    async with database.read("bench-check") as session:
        rows = await session.execute(select(Slot.taken, Slot.capacity).where(Slot.practitioner_id == doctor))
        assert all(taken == capacity for taken, capacity in rows), "given twice, or lost"
        booked = await session.scalars(
            select(Appointment.patient_id).where(Appointment.practitioner_id == doctor)
        )
        assert len(set(booked)) == PLACES
    assert sum(won for won, _, _ in got) == PLACES
    assert all(offered for won, offered, _ in got if not won), "a loser was offered nothing"
    name = database.url.get_backend_name()
    p95 = at([took for _, _, took in got], 0.95)
    return [Result(f"booking_rush_p95_{name}", p95, "ms", "the aim on postgresql", 1_000.0)]


async def _search(database: Database) -> list[Result]:
    """Half-days with free places of one department, and the soonest slots of one doctor, over the whole hospital."""
    departments = await hospital(database, 30)
    await clinics(database, departments, doctors=DOCTORS, days=DAYS, a_half_day=6, capacity=2)
    if not database.is_sqlite:
        await _analyse(database)
    async with database.read("bench-doctors") as session:
        doctors = list(await session.scalars(select(Slot.practitioner_id).distinct().limit(50)))
    took = []
    for n in range(SEARCHES):
        begun = time.perf_counter()
        async with database.read("bench-search") as session:
            if n % 2:
                found: Sequence[Any] = await slots.find_slots(
                    session, now=NOW, practitioner_id=doctors[n % len(doctors)]
                )
            else:
                found = await slots.find_half_days(
                    session, now=NOW, department_id=departments[n % len(departments)]
                )
        took.append(time.perf_counter() - begun)
        assert found
    name = database.url.get_backend_name()
    return [Result(f"booking_search_p95_{name}", at(took, 0.95), "ms", "the aim", 50.0)]


async def _analyse(database: Database) -> None:
    from sqlalchemy import text

    async with database.writer.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("ANALYZE"))


async def measure() -> list[Result]:
    """Each part on a database of its own, kept as soon as it is measured. The load of the machine is printed: this is a shared one."""
    keys()
    results: list[Result] = []

    async def measured(part: Callable[[], Awaitable[list[Result]]]) -> None:
        begun = time.perf_counter()
        found = await part()
        keep(found)
        print(
            f"in {time.perf_counter() - begun:.0f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        results.extend(found)

    parts = (_rush, _per_second, _search)
    for part in parts:
        async with on_sqlite() as database:
            await measured(partial(part, database))
    for part in parts:
        with postgres() as (url, _):
            await asyncio.to_thread(migrate.upgrade, url)
            database = Database(url)
            try:
                await measured(partial(part, database))
            finally:
                await database.close()
    return results


if __name__ == "__main__":
    uvloop.run(measure())
