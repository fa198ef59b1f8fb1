"""A changed schedule: free slots follow it, what is booked stays, and what stands in the way is named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, delete, exists, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Schedule, ScheduleException, Slot, SlotHold
from care.appointments.planning import Calendar, days_between, exceptions_by_key, planned
from care.appointments.rules import DAYS_AHEAD
from care.hospital.models import Location, Practitioner
from care.hospital.workdays import workdays
from care.rows import chunks
from store.clock import Clock
from store.database import insert_many

FOLLOWS = ("end", "capacity", "fee_fen", "kind", "overbook", "min_age", "max_age", "sex", "place", "part")
"""What an existing slot takes over from its schedule. Practitioner and department stay: a substitute may see its patients."""
_INSERTED = 2000
"""Rows a statement."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A slot that is no longer planned and has people in it, or more people than it has places now."""

    practitioner_id: UUID
    department_id: UUID
    day: date
    part: str
    start: datetime
    taken: int


@dataclass(frozen=True, slots=True)
class Replan:
    """How many slots come, go and change; `stuck`: what is booked against the new plan and was not touched, by time."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    stuck: tuple[Stuck, ...] = ()


async def calendar(session: AsyncSession, first: date, last: date) -> Calendar:
    """What decides about the days from `first` to `last`."""
    exceptions = await session.scalars(
        select(ScheduleException)
        .where(ScheduleException.day >= first, ScheduleException.day <= last)
        .execution_options(populate_existing=True)
    )
    places = await session.execute(select(Location.id, Location.place))
    return Calendar(
        await workdays(session, first, last),
        exceptions_by_key(exceptions),
        {row.id: row.place for row in places},
    )


async def schedules_of(
    session: AsyncSession, schedule_ids: Collection[UUID] | None, *, ended: bool = False
) -> Sequence[Schedule]:
    """Clinics of doctors who are still here; `ended`: those that are no longer held, too."""
    query = select(Schedule).join(Practitioner, Practitioner.id == Schedule.practitioner_id)
    if schedule_ids is not None:
        query = query.where(Schedule.id.in_(schedule_ids))
    if not ended:
        query = query.where(Schedule.active, Practitioner.active)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def made_until(session: AsyncSession, today: date) -> date:
    """The last day that has slots; `today` where none has."""
    return await session.scalar(select(func.max(Slot.day)).where(Slot.day >= today)) or today


async def left_behind(session: AsyncSession, now: datetime, limit: int = 50) -> list[tuple[Stuck, str]]:
    """Half-days no longer held in which somebody still has a place, with the doctor's name, soonest first."""
    columns = (
        Slot.practitioner_id, Slot.department_id, Slot.day, Slot.part, Practitioner.name,
    )  # fmt: skip
    query = (
        select(
            *columns,
            func.min(Slot.start).label("first"),
            func.sum(Slot.taken).label("people"),
        )
        .join(Practitioner, Practitioner.id == Slot.practitioner_id)
        .where(Slot.status == "gone", Slot.taken > 0, Slot.start > now)
        .group_by(*columns)
        .order_by("first")
        .limit(limit)
    )
    return [
        (
            Stuck(row.practitioner_id, row.department_id, row.day, row.part, row.first, int(row.people)),
            row.name,
        )
        for row in await session.execute(query)
    ]


@dataclass(slots=True)
class _Plan:
    new: list[dict[str, Any]] = field(default_factory=list)
    gone: list[UUID] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)


async def replan(
    session: AsyncSession,
    clock: Clock,
    schedule_ids: Collection[UUID] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    ahead: int = DAYS_AHEAD,
    apply: bool = True,
) -> Replan:
    """Make the slots to come of these clinics (None: of all) what the schedules say now, `ahead` days and as far as there are any.

    `first`, `last`: only these days, both included. `apply=False` only tells what would happen. Idempotent: a second run adds, removes and
    changes nothing. Nothing that somebody holds or has booked is touched; no more is given away there.
    """
    now, today = clock.now(), clock.local().date()
    until = max(await made_until(session, today), today + timedelta(days=ahead))
    days = days_between(max(first or today, today), min(last or until, until))
    if not days:
        return Replan()
    clinics = await schedules_of(session, schedule_ids, ended=True)
    active = set(await session.scalars(select(Practitioner.id).where(Practitioner.active)))
    wanted = {
        (row["schedule_id"], row["start"]): row
        for row in planned(
            [one for one in clinics if one.practitioner_id in active],
            days,
            await calendar(session, days[0], days[-1]),
            clock,
        )
        if row["start"] > now
    }
    ours = true() if schedule_ids is None else Slot.schedule_id.in_([one.id for one in clinics])
    there = select(Slot).where(ours, Slot.day >= days[0], Slot.day <= days[-1], Slot.start > now)
    plan = _compare(wanted, (await session.scalars(there.execution_options(populate_existing=True))).all())
    if apply:
        await _carry_out(session, plan)
    return Replan(
        len(plan.new), len(plan.gone), len(plan.changed), tuple(sorted(plan.stuck, key=lambda one: one.start))
    )


def _compare(wanted: dict[tuple[UUID, datetime], dict[str, Any]], there: Sequence[Slot]) -> _Plan:
    plan = _Plan()
    left = dict(wanted)
    for slot in there:
        row = left.pop((slot.schedule_id, slot.start), None)
        if row is None:
            if slot.taken:
                plan.stuck.append(_stuck(slot))
            if slot.status != "gone":
                plan.gone.append(slot.id)
            continue
        if slot.taken > row["capacity"] + row["overbook"]:
            plan.stuck.append(_stuck(slot))
        same = all(getattr(slot, name) == row[name] for name in FOLLOWS if name != "capacity")
        if (
            not same
            or slot.capacity != max(row["capacity"], slot.taken - row["overbook"])
            or slot.status == "gone"
        ):
            plan.changed.append({"b_id": slot.id, **{f"b_{name}": row[name] for name in FOLLOWS}})
    plan.new = list(left.values())
    return plan


def _stuck(slot: Slot) -> Stuck:
    return Stuck(
        slot.practitioner_id,
        slot.department_id,
        slot.day,
        slot.part,
        slot.start,
        slot.taken,
    )


async def _carry_out(session: AsyncSession, plan: _Plan) -> None:
    for part in chunks(plan.gone):
        used = exists().where(Appointment.slot_id == Slot.id) | exists().where(SlotHold.slot_id == Slot.id)
        await session.execute(
            delete(Slot)
            .where(Slot.id.in_(part), Slot.taken == 0, ~used)
            .execution_options(synchronize_session=False)
        )
        await session.execute(
            update(Slot)
            .where(Slot.id.in_(part))
            .values(status="gone")
            .execution_options(synchronize_session=False)
        )
    if plan.changed:
        connection = await session.connection()
        await connection.execute(_FOLLOW, plan.changed)
    for rows in chunks(plan.new, _INSERTED):
        await insert_many(session, Slot, rows)


_NEEDED = Slot.__table__.c.taken - bindparam("b_overbook")
_FOLLOW = (
    update(Slot.__table__)  # type: ignore[arg-type]
    .where(Slot.__table__.c.id == bindparam("b_id"))
    .values(
        {name: bindparam(f"b_{name}") for name in FOLLOWS if name != "capacity"}
        | {
            # Never fewer places than people have been promised.
            "capacity": case((bindparam("b_capacity") < _NEEDED, _NEEDED), else_=bindparam("b_capacity")),
            "status": case((Slot.__table__.c.status == "gone", "free"), else_=Slot.__table__.c.status),
        }
    )
)
