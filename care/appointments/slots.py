"""Slots: making them ahead from the weekly schedules, and finding free ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Part, Slot, SlotHold
from care.appointments.planning import days_between, planned
from care.appointments.replanning import calendar, schedules_of
from care.appointments.rules import DAYS_AHEAD
from care.appointments.views import HalfDayView, SlotView, slot_view
from care.hospital.models import HealthcareService, Practitioner
from care.rows import chunks
from store.clock import Clock
from store.database import insert_many

_INSERTED = 2000
"""Rows a statement."""


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


def _free(now: datetime) -> Any:
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
    conditions: list[Any] = [Slot.status == "free", Slot.start > max(now, start or now), _free(now)]
    if start is not None and start > now:
        conditions[1] = Slot.start >= start
    if end is not None:
        conditions.append(Slot.start < end)
    if department_id is not None:
        conditions.append(Slot.department_id == department_id)
    if practitioner_id is not None:
        conditions.append(Slot.practitioner_id == practitioner_id)
    if part is not None:
        conditions.append(Slot.part == part)
    if kinds:
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
    conditions = _wanted(department_id, practitioner_id, start, end, part, now, kinds)
    key = (Slot.practitioner_id, Slot.day, Slot.part)
    left = func.sum(case((Slot.taken < Slot.capacity, Slot.capacity - Slot.taken), else_=1)).label("left")
    groups = (
        select(*key, Slot.department_id, func.min(Slot.start).label("first"), left)
        .where(*conditions)
        .group_by(*key, Slot.department_id)
        .order_by("first")
        .limit(limit)
        .subquery()
    )
    query = (
        _with_names()
        .add_columns(groups.c.left)
        .join(
            groups,
            (groups.c.practitioner_id == Slot.practitioner_id)
            & (groups.c.department_id == Slot.department_id)
            & (groups.c.first == Slot.start),
        )
        .order_by(Slot.start, Practitioner.code)
    )
    rows = (await session.execute(query)).all()
    return [HalfDayView(slot_view(row[0], row[1], row[2]), int(row[3])) for row in rows][:limit]


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
