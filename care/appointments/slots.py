"""Slots: making them ahead from the weekly schedules, and finding free ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Part, Schedule, Slot, SlotHold
from care.appointments.views import HalfDayView, SlotView, slot_view
from care.hospital.models import HealthcareService, Practitioner
from store.clock import Clock
from store.ids import new_id

DAYS_AHEAD = 14


async def generate_slots(session: AsyncSession, clock: Clock, days: int = DAYS_AHEAD) -> int:
    """Make the missing slots of today and the following `days` local days.

    Idempotent; returns how many are new.

    Existing slots are never changed, whatever became of their schedule. Run it once a day.
    """
    today = clock.local().date()
    schedules = (await session.scalars(select(Schedule).where(Schedule.active))).all()
    present = set(
        await session.execute(select(Slot.schedule_id, Slot.day).where(Slot.day >= today).distinct())
    )
    rows: list[dict[str, Any]] = []
    for offset in range(days + 1):
        day = today + timedelta(days=offset)
        for schedule in schedules:
            if schedule.weekday == day.weekday() and (schedule.id, day) not in present:
                rows += _slots_of_day(schedule, day, clock)
    before = await _count_from(session, today)
    await _insert_missing(session, rows)
    return await _count_from(session, today) - before


async def _count_from(session: AsyncSession, day: date) -> int:
    return await session.scalar(select(func.count()).select_from(Slot).where(Slot.day >= day)) or 0


def _slots_of_day(schedule: Schedule, day: date, clock: Clock) -> Iterator[dict[str, Any]]:
    step = timedelta(minutes=schedule.slot_minutes)
    start, end = datetime.combine(day, schedule.starts), datetime.combine(day, schedule.ends)
    while start + step <= end:
        yield {
            "id": new_id(),
            "schedule_id": schedule.id,
            "practitioner_id": schedule.practitioner_id,
            "department_id": schedule.department_id,
            "start": clock.to_utc(start),
            "end": clock.to_utc(start + step),
            "day": day,
            "part": schedule.part,
            "capacity": schedule.capacity,
            "taken": 0,
            "fee_fen": schedule.fee_fen,
            "status": "free",
            "kind": schedule.kind,
            "overbook": schedule.overbook,
            "min_age": schedule.min_age,
            "max_age": schedule.max_age,
            "sex": schedule.sex,
        }
        start += step


async def _insert_missing(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    """Two processes may generate at once: the unique key decides, nobody fails."""
    if not rows:
        return
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        await session.execute(sqlite_insert(Slot).on_conflict_do_nothing(), rows)
    else:
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        await session.execute(pg_insert(Slot).on_conflict_do_nothing(), rows)


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
    limit: int = 5,
) -> list[SlotView]:
    """Free slots after `now`, earliest first; `start` (included) and `end` (excluded) are aware."""
    conditions = _wanted(department_id, practitioner_id, start, end, part, now)
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
    limit: int = 5,
) -> list[HalfDayView]:
    """Half-days with free places, one line a doctor and half-day, earliest first: what a chat offers."""
    conditions = _wanted(department_id, practitioner_id, start, end, part, now)
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
