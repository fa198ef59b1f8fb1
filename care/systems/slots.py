"""The system's times as slots of ours: what it offers can be booked, what it no longer offers cannot.

With a system outside our own weekly schedules make no slots; these hang on a resting schedule for each doctor and weekday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Part, Schedule, Slot, SlotHold, Status
from care.appointments.rules import DAYS_AHEAD
from care.hospital.models import HealthcareService, Practitioner
from care.rows import chunks
from care.systems import conflicts, refs, states
from care.systems.models import ConflictKind, ExternalRef, RefKind
from care.systems.outward import Outward
from care.systems.port import HospitalSystem, OfferedSlot, SystemAway, Unread
from store.clock import Clock
from store.database import Database, insert_many
from store.ids import new_id

NOON, EVENING = time(12), time(18)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """`seen`: times the system offers; `unknown`: of doctors or departments we do not have, or that cannot be read, left out."""

    seen: int
    unknown: int


async def mirror(
    database: Database, clock: Clock, system: HospitalSystem, days: int = DAYS_AHEAD
) -> Mirrored | None:
    """Read the coming days' times and make ours the same. None: the system is away, all stays as it was."""
    first = clock.local().date()
    last = first + timedelta(days=days)
    try:
        offered = await system.schedules(first, last)
    except SystemAway as away:
        async with database.write("system away") as session:
            await states.failed(session, system.name, away.reason, clock.now())
        return None
    async with database.write("mirror slots") as session:
        done = await take_slots(session, system.name, offered, first, last, clock)
        await states.slots_read(session, system.name, done.seen, done.unknown, clock.now())
    return done


async def take_slots(
    session: AsyncSession,
    system: str,
    read: Sequence[OfferedSlot | Unread],
    first: date,
    last: date,
    clock: Clock,
) -> Mirrored:
    """As `mirror`, of what was read. Idempotent."""
    now = clock.now()
    offered = [one for one in read if isinstance(one, OfferedSlot)]
    doctors = await _doctors(session, system, offered, now)
    services = await _services(session, system, offered, now)
    known = await refs.ours_of(session, system, RefKind.SLOT, [one.external_id for one in offered])
    mine = {row.id: row for row in await session.scalars(_between(first, last))}
    untold = await _untold(session, first, last)
    schedules = await _resting(
        session, {doctors[one.practitioner] for one in offered if one.practitioner in doctors}
    )
    by_time = {(row.schedule_id, row.start): row for row in mine.values()}
    new_rows: list[dict[str, Any]] = []
    named: list[tuple[str, UUID]] = []
    renamed: list[tuple[OfferedSlot, UUID]] = []
    changed: list[dict[str, Any]] = []
    seen: set[UUID] = set()
    made: set[tuple[UUID, datetime]] = set()
    unknown = len(read) - len(offered)

    def holds(one: OfferedSlot) -> bool:
        """Whether its id names the time it is offered for: who keeps a time goes before who has come to it."""
        row = mine.get(known[one.external_id]) if one.external_id in known else None
        doctor = doctors.get(one.practitioner)
        return row is not None and doctor is not None and _is_at(row, doctor, one)

    for one in sorted(offered, key=holds, reverse=True):
        doctor = doctors.get(one.practitioner)
        service = services.get(one.service) or (doctor.department_id if doctor else None)
        if doctor is None or service is None:
            unknown += 1
            continue
        local = clock.local_naive(one.start)
        moment = (schedules[doctor.id, local.weekday()], one.start)
        row = by_time.get(moment)
        if (row is not None and row.id in seen) or moment in made:
            unknown += 1  # a second time of one doctor at one moment
            continue
        if row is None:
            made.add(moment)
            slot_id = new_id()
            new_rows.append(_row(slot_id, moment[0], doctor, service, one, local))
        else:
            slot_id = row.id
            seen.add(slot_id)
            capacity = max(row.taken, one.free + row.taken - untold.get(slot_id, 0))
            fee = row.fee_fen if one.fee_fen is None else one.fee_fen
            if (row.capacity, row.fee_fen) != (capacity, fee):
                changed.append({"slot": slot_id, "places": capacity, "fee": fee})
        if one.external_id not in known:
            named.append((one.external_id, slot_id))
        elif known[one.external_id] != slot_id:
            renamed.append((one, slot_id))
    if new_rows:
        await insert_many(session, Slot, new_rows)
    await _name(session, system, named, now)
    for one, slot_id in renamed:
        await _renamed(session, system, one, known[one.external_id], slot_id, now)
    gone = [row for row in mine.values() if row.id not in seen and row.capacity > row.taken]
    changed += [{"slot": row.id, "places": row.taken, "fee": row.fee_fen} for row in gone]
    await _change(session, changed)
    return Mirrored(len(offered), unknown)


async def _doctors(
    session: AsyncSession, system: str, offered: Sequence[OfferedSlot], now: datetime
) -> dict[str, Practitioner]:
    """The system's ids as our doctors; who is found by the hospital's number is known by the id from then on."""
    codes = {one.practitioner: one.practitioner_code or one.practitioner for one in offered}
    known = await refs.ours_of(session, system, RefKind.PRACTITIONER, list(codes))
    rows = {row.id: row for row in await session.scalars(select(Practitioner).where(Practitioner.active))}
    by_code = {row.code: row for row in rows.values()}
    found = {one: rows[ours] for one, ours in known.items() if ours in rows}
    for one, code in codes.items():
        if one not in found and code in by_code:
            found[one] = by_code[code]
            await refs.remember(session, system, RefKind.PRACTITIONER, one, by_code[code].id, now=now)
    return found


async def _services(
    session: AsyncSession, system: str, offered: Sequence[OfferedSlot], now: datetime
) -> dict[str, UUID]:
    codes = {one.service: one.service_code or one.service for one in offered if one.service}
    found = await refs.ours_of(session, system, RefKind.SERVICE, list(codes))
    rows = await session.execute(select(HealthcareService.code, HealthcareService.id))
    by_code: dict[str, UUID] = {str(row[0]): row[1] for row in rows}
    for one, code in codes.items():
        if one not in found and code in by_code:
            found[one] = by_code[code]
            await refs.remember(session, system, RefKind.SERVICE, one, by_code[code], now=now)
    return found


def _between(first: date, last: date) -> Any:
    """Slots that were mirrored, of whatever system: they hang on resting schedules."""
    resting = select(Schedule.id).where(Schedule.starts == time(0), Schedule.active.is_(False))
    return select(Slot).where(Slot.day >= first, Slot.day <= last, Slot.schedule_id.in_(resting))


def _is_at(row: Slot, doctor: Practitioner, one: OfferedSlot) -> bool:
    return (row.practitioner_id, row.start) == (doctor.id, one.start)


async def _renamed(
    session: AsyncSession, system: str, one: OfferedSlot, before: UUID, slot_id: UUID, now: datetime
) -> None:
    """The system's id names another time or doctor now. Who has an appointment at the old one is shown, and the system is asked about it:
    whether the visit goes along it alone knows."""
    await refs.remember(session, system, RefKind.SLOT, one.external_id, slot_id, now=now)
    there = select(Appointment).where(Appointment.slot_id == before, Appointment.status == Status.BOOKED)
    for row in await session.scalars(there):
        if row.start <= now:
            continue
        version = f"{refs.hash_of(one.external_id)[:16]}:{one.start.isoformat()}"
        await conflicts.record(
            session,
            system=system,
            kind=ConflictKind.SLOT_CHANGED,
            key=f"{ConflictKind.SLOT_CHANGED}:{row.id}:{slot_id}",
            row=row,
            was=row.start,
            now_start=one.start,
            said="",
            now=now,
        )
        await Outward(system).check(session, row.id, version, now)


async def _untold(session: AsyncSession, first: date, last: date) -> Mapping[UUID, int]:
    """Places taken here that the system does not count yet: held, or not accepted by it."""
    days = Slot.day.between(first, last)
    held = select(SlotHold.slot_id, func.count()).join(Slot, Slot.id == SlotHold.slot_id).where(days)
    waiting = select(Appointment.slot_id, func.count()).where(
        Appointment.day.between(first, last), Appointment.status == Status.PENDING
    )
    counted: dict[UUID, int] = {}
    for query, column in ((held, SlotHold.slot_id), (waiting, Appointment.slot_id)):
        for slot_id, number in await session.execute(query.group_by(column)):
            counted[slot_id] = counted.get(slot_id, 0) + number
    return counted


async def _resting(session: AsyncSession, doctors: set[Practitioner]) -> dict[tuple[UUID, int], UUID]:
    """A schedule that makes no slots itself, by doctor and weekday."""
    rows = [
        {
            "id": new_id(),
            "practitioner_id": doctor.id,
            "department_id": doctor.department_id,
            "weekday": weekday,
            "part": Part.MORNING,
            "starts": time(0),
            "ends": time(0),
            "slot_minutes": 10,
            "capacity": 1,
            "fee_fen": 0,
            "active": False,
        }
        for doctor in doctors
        for weekday in range(7)
    ]
    if rows:
        await insert_many(session, Schedule, rows)
    found = await session.execute(
        select(Schedule.practitioner_id, Schedule.weekday, Schedule.id).where(
            Schedule.starts == time(0), Schedule.active.is_(False)
        )
    )
    return {(doctor, weekday): schedule_id for doctor, weekday, schedule_id in found}


def _row(
    slot_id: UUID, schedule_id: UUID, doctor: Practitioner, service: UUID, one: OfferedSlot, local: datetime
) -> dict[str, Any]:
    at = local.time()
    return {
        "id": slot_id,
        "schedule_id": schedule_id,
        "practitioner_id": doctor.id,
        "department_id": service,
        "start": one.start,
        "end": one.end,
        "day": local.date(),
        "part": Part.MORNING if at < NOON else Part.AFTERNOON if at < EVENING else Part.EVENING,
        "capacity": one.free,
        "taken": 0,
        "fee_fen": one.fee_fen or 0,
        "status": "free",
    }


async def _name(session: AsyncSession, system: str, named: Sequence[tuple[str, UUID]], now: datetime) -> None:
    rows = [refs.new_ref(system, RefKind.SLOT, theirs, ours, now=now) for theirs, ours in named]
    for piece in chunks(rows):
        await insert_many(session, ExternalRef, piece)


async def _change(session: AsyncSession, changed: Sequence[dict[str, Any]]) -> None:
    """A place that was taken meanwhile stays taken."""
    if not changed:
        return
    table = Slot.__table__
    places: Any = bindparam("places")
    kept = func.greatest if session.get_bind().dialect.name == "postgresql" else func.max
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(table.c.id == bindparam("slot", type_=table.c.id.type))
        .values(capacity=kept(places, table.c.taken), fee_fen=bindparam("fee"))
    )
    connection = await session.connection()
    await connection.execute(statement, list(changed))
