"""Slots: making them ahead from the weekly schedules, and finding free ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Part, Slot, SlotHold
from care.appointments.planning import days_between, planned
from care.appointments.replanning import calendar, schedules_of
from care.appointments.rules import DAYS_AHEAD
from care.appointments.statements import FOUND
from care.appointments.views import HalfDayView, SlotView, found_slot, slot_view
from care.hospital.models import HealthcareService, Practitioner
from care.rows import chunks
from store.clock import Clock
from store.database import insert_many

_INSERTED = 2000
"""Rows a statement."""
_PER_HALF_DAY = 20
"""Slots looked at for each half-day wanted, before all are: most clinics have no more in one."""


async def generate_slots(session: AsyncSession, clock: Clock, days: int = DAYS_AHEAD) -> int:
    """Make the missing slots of today and the following `days` local days.

    Idempotent; returns how many are new.

    Days of a clinic that have slots already are left as they are: `replanning.replan` brings those after a change. Run it once a day.
    """
    today = clock.local().date()
    ahead = days_between(today, today + timedelta(days=days))
    held = await calendar(session, ahead[0], ahead[-1])
    present = set(
        await session.execute(select(Slot.schedule_id, Slot.day).where(Slot.day >= today).distinct())
    )
    rows = [
        row
        for row in planned(await schedules_of(session, None), ahead, held, clock)
        if (row["schedule_id"], row["day"]) not in present
    ]
    before = await _count_from(session, today)
    for part in chunks(rows, _INSERTED):
        await insert_many(session, Slot, part)
    return await _count_from(session, today) - before


async def _count_from(session: AsyncSession, day: date) -> int:
    return await session.scalar(select(func.count()).select_from(Slot).where(Slot.day >= day)) or 0


def _free(now: Any) -> Any:
    """A place is left, or a hold on it has run out and was not swept yet."""
    expired = (
        select(func.count())
        .where(SlotHold.slot_id == Slot.id, SlotHold.until <= now)
        .correlate(Slot)
        .scalar_subquery()
    )
    return or_(Slot.taken < Slot.capacity, Slot.taken - expired < Slot.capacity)


def _wanted(
    department_id: UUID | None,
    practitioner_id: UUID | None,
    start: datetime | None,
    end: datetime | None,
    part: Part | None,
    now: datetime,
    kinds: Collection[str] = (),
) -> list[Any]:
    if start is not None and start > now:
        conditions: list[Any] = [Slot.status == "free", Slot.start >= start, _free(now)]
    else:
        conditions = [Slot.status == "free", Slot.start > now, _free(now)]
    return conditions + _narrowed(department_id, practitioner_id, end, part, kinds)


def _narrowed(department_id: Any, practitioner_id: Any, end: Any, part: Any, kinds: Any) -> list[Any]:
    """What is not None is asked for; values, or their parameters."""
    conditions: list[Any] = []
    if end is not None:
        conditions.append(Slot.start < end)
    if department_id is not None:
        conditions.append(Slot.department_id == department_id)
    if practitioner_id is not None:
        conditions.append(Slot.practitioner_id == practitioner_id)
    if part is not None:
        conditions.append(Slot.part == part)
    if kinds is not None and not (isinstance(kinds, Collection) and not kinds):
        conditions.append(Slot.kind.in_(kinds))
    return conditions


def _with_names() -> Select[Slot, HealthcareService, Practitioner]:
    return (
        select(Slot, HealthcareService, Practitioner)
        .join(HealthcareService, HealthcareService.id == Slot.department_id)
        .join(Practitioner, Practitioner.id == Slot.practitioner_id)
        .where(HealthcareService.active, Practitioner.active)
        .execution_options(populate_existing=True)
    )


async def find_slots(
    session: AsyncSession,
    *,
    now: datetime,
    department_id: UUID | None = None,
    practitioner_id: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    part: Part | None = None,
    kinds: Collection[str] = (),
    limit: int = 5,
) -> list[SlotView]:
    """Free slots after `now`, earliest first; `start` (included) and `end` (excluded) are aware; `kinds`: only visits of these."""
    conditions = _wanted(department_id, practitioner_id, start, end, part, now, kinds)
    query = _with_names().where(*conditions).order_by(Slot.start, Practitioner.code).limit(limit)
    return [slot_view(*row) for row in (await session.execute(query))]


async def find_half_days(
    session: AsyncSession,
    *,
    now: datetime,
    department_id: UUID | None = None,
    practitioner_id: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    part: Part | None = None,
    kinds: Collection[str] = (),
    limit: int = 5,
) -> list[HalfDayView]:
    """Half-days with free places, one line a doctor and half-day, earliest first: what a chat offers."""
    ahead = start is not None and start > now
    given: dict[str, Any] = {
        "now": now,
        "start": start if ahead else None,
        "end": end,
        "department_id": department_id,
        "practitioner_id": practitioner_id,
        "part": part,
        "kinds": list(kinds) or None,
    }
    asked = {name: value for name, value in given.items() if value is not None} | {"many": limit}
    near = limit * _PER_HALF_DAY
    rows = await _rows(session, _half_days(frozenset(asked), True), asked | {"looked": near})
    if len(rows) < limit and sum(row.places for row in rows) >= near:
        # Fewer places than slots looked at would have been all there are.
        rows = await _rows(session, _half_days(frozenset(asked), False), asked)
    return [HalfDayView(found_slot(row), int(row.places)) for row in rows][:limit]


async def _rows(session: AsyncSession, statement: Any, values: dict[str, Any]) -> Sequence[Any]:
    await session.flush()
    return await session.run_sync(lambda sync: sync.connection().execute(statement, values).all())


@cache
def _half_days(asked: frozenset[str], near: bool) -> Any:
    """Built once for each set of what is asked for: putting it together costs more than running it (3 ms).

    `near`: among the soonest slots, which an index gives in their order; else among all, which are read first.
    """
    values = {
        name: bindparam(name, type_=column.type, expanding=name == "kinds") if name in asked else None
        for name, column in {
            "now": Slot.start, "start": Slot.start, "end": Slot.start, "department_id": Slot.department_id,
            "practitioner_id": Slot.practitioner_id, "part": Slot.part, "kinds": Slot.kind,
        }.items()
    }  # fmt: skip
    since = Slot.start > values["now"] if values["start"] is None else Slot.start >= values["start"]
    conditions = [Slot.status == "free", since, _free(values["now"])]
    conditions += _narrowed(
        *(values[name] for name in ("department_id", "practitioner_id", "end", "part", "kinds"))
    )
    # Here too: the soonest places looked at must not all be of somebody who has left.
    conditions += [
        Slot.practitioner_id.not_in(select(Practitioner.id).where(~Practitioner.active)),
        Slot.department_id.not_in(select(HealthcareService.id).where(~HealthcareService.active)),
    ]
    key = (Slot.practitioner_id, Slot.department_id, Slot.day, Slot.part)
    soonest = select(*key, Slot.start).where(*conditions)
    if near:
        soonest = soonest.order_by(Slot.start).limit(bindparam("looked", type_=Integer))
    first = soonest.subquery("near")
    names = [first.c[one.key] for one in key]
    groups = (
        select(*names, func.min(first.c.start).label("first"))
        .group_by(*names)
        .order_by("first")
        .limit(bindparam("many", type_=Integer))
        .subquery("groups")
    )
    # The doctor's own days, by their index; the department is no condition here, its index leads through everybody's.
    here = Slot.department_id == groups.c.department_id
    free = case((~here, 0), (Slot.taken < Slot.capacity, Slot.capacity - Slot.taken), else_=1)
    same = [one == groups.c[one.key] for one in key if one is not Slot.department_id]
    narrowed = _narrowed(None, None, values["end"], None, values["kinds"])
    places = (
        select(func.sum(free))
        .where(*same, Slot.start >= groups.c.first, Slot.status == "free", _free(values["now"]), *narrowed)
        .correlate(groups)
        .scalar_subquery()
    )
    return (
        select(*FOUND, places.label("places"))
        .select_from(Slot.__table__)
        .join(HealthcareService.__table__, HealthcareService.id == Slot.department_id)
        .join(Practitioner.__table__, Practitioner.id == Slot.practitioner_id)
        .join(
            groups,
            (groups.c.practitioner_id == Slot.practitioner_id)
            & (groups.c.department_id == Slot.department_id)
            & (groups.c.first == Slot.start),
        )
        .order_by(Slot.start, Practitioner.code)
    )


async def slot(session: AsyncSession, slot_id: UUID) -> SlotView | None:
    """One slot with its names, free or not."""
    row = (await session.execute(_with_names().where(Slot.id == slot_id))).first()
    return slot_view(*row) if row else None


async def doctors_with_free_slots(
    session: AsyncSession, *, now: datetime, department_id: UUID, limit: int = 5
) -> Sequence[Practitioner]:
    """Doctors of a department who have a free place ahead, the soonest first."""
    soonest = (
        select(Slot.practitioner_id, func.min(Slot.start).label("first"))
        .where(*_wanted(department_id, None, None, None, None, now))
        .group_by(Slot.practitioner_id)
        .subquery()
    )
    query = (
        select(Practitioner)
        .join(soonest, soonest.c.practitioner_id == Practitioner.id)
        .order_by(soonest.c.first)
        .limit(limit)
    )
    return (await session.scalars(query)).all()
