"""Changing a schedule: looked at first, done with its slots in one transaction, kept, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import case, func, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import outside
from care.appointments.blocks import service as blocks
from care.appointments.closures import service as closures
from care.appointments.models import Schedule, ScheduleException, Slot
from care.appointments.replanning import Replan, replan
from care.appointments.rules import DAYS_AHEAD
from care.appointments.scheduling.models import ScheduleChange, What
from care.appointments.scheduling.states import State, clinics_touched, days_touched, plain, put, state
from store import audit
from store.clock import Clock


class ScheduleError(ValueError):
    """What was asked for cannot be entered; `why` is a word of `data/seed/schedule_words.yml`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: the row named `key` becomes `after`, None takes it away. `practitioner_id`: on whose page it is shown."""

    what: What
    key: str
    after: State | None
    practitioner_id: UUID | None = None


async def check(session: AsyncSession, edit: Edit) -> None:
    """Raises `ScheduleError` where a doctor would be in two places, a day has an exception already, or the times are a system's outside."""
    after = edit.after
    if edit.what in (What.CLINIC, What.EXCEPTION) and outside.lists_times():
        raise ScheduleError("outside")
    if after is None:
        return
    if edit.what is What.CLINIC:
        await _no_overlap(session, edit.key, after)
    if edit.what is What.EXCEPTION:
        mine = ScheduleException.schedule_id if after["schedule_id"] else ScheduleException.practitioner_id
        whose = UUID(after["schedule_id"] or after["practitioner_id"])
        same = select(ScheduleException.id).where(
            mine == whose,
            ScheduleException.day == date.fromisoformat(after["day"]),
            ScheduleException.id != UUID(edit.key),
        )
        if await session.scalar(same.limit(1)) is not None:
            raise ScheduleError("exception_there")


async def _no_overlap(session: AsyncSession, key: str, after: State) -> None:
    others = await session.scalars(
        select(Schedule).where(
            Schedule.practitioner_id == UUID(after["practitioner_id"]),
            Schedule.weekday == after["weekday"],
            Schedule.id != UUID(key),
            Schedule.active,
        )
    )
    for one in others:
        apart = f"{one.starts:%H:%M}" >= after["ends"] or f"{one.ends:%H:%M}" <= after["starts"]
        never_both = (
            one.valid_to is not None
            and after["valid_from"]
            and one.valid_to.isoformat() < after["valid_from"]
        ) or (
            one.valid_from is not None
            and after["valid_to"]
            and after["valid_to"] < one.valid_from.isoformat()
        )
        holidays = (
            "replace" in (one.on_holidays, after["on_holidays"]) and one.on_holidays != after["on_holidays"]
        )
        if f"{one.starts:%H:%M}" == after["starts"] or not (apart or never_both or holidays):
            raise ScheduleError("overlaps")


async def preview(
    session: AsyncSession, clock: Clock, edit: Edit, staff_id: UUID, ahead: int = DAYS_AHEAD
) -> Replan:
    """What the change would do to the slots; changes nothing. Raises `ScheduleError`."""
    await check(session, edit)
    before = await state(session, edit.what, edit.key)
    async with session.begin_nested() as point:
        await put(session, edit.what, edit.key, edit.after, by=staff_id, now=clock.now())
        seen = await _slots_follow(session, clock, edit, before, ahead, apply=False)
        await point.rollback()
    # What was changed for the look is read again now: a template could not.
    for row in [one for one in session.identity_map.values() if inspect(one).expired]:
        await session.refresh(row)
    return seen


async def change(
    session: AsyncSession, clock: Clock, edit: Edit, staff_id: UUID, ahead: int = DAYS_AHEAD
) -> tuple[ScheduleChange, Replan]:
    """Do it: the row, its slots, a record that can be taken back, the audit trail. Raises `ScheduleError`."""
    await check(session, edit)
    now = clock.now()
    before = await state(session, edit.what, edit.key)
    await put(session, edit.what, edit.key, edit.after, by=staff_id, now=now)
    done = await _slots_follow(session, clock, edit, before, ahead, apply=True)
    row = ScheduleChange(
        what=edit.what,
        key=edit.key,
        practitioner_id=edit.practitioner_id,
        before=before,
        after=None if edit.after is None else plain(edit.after),
        by=staff_id,
        at=now,
    )
    session.add(row)
    await session.flush()
    _audit(session, row, staff_id, "schedule.change", now)
    return row, done


async def undo(
    session: AsyncSession, clock: Clock, change_id: UUID, staff_id: UUID, ahead: int = DAYS_AHEAD
) -> Replan | None:
    """As it was before. None: taken back already, or changed again since."""
    row = await session.get(ScheduleChange, change_id, with_for_update=True, populate_existing=True)
    if row is None or row.undone_at is not None:
        return None
    what, now = What(row.what), clock.now()
    if await state(session, what, row.key) != row.after:
        return None
    edit = Edit(what, row.key, row.before, row.practitioner_id)
    await check(session, edit)
    await put(session, what, row.key, row.before, by=staff_id, now=now)
    done = await _slots_follow(session, clock, edit, row.after, ahead, apply=True)
    row.undone_at = now
    _audit(session, row, staff_id, "schedule.undo", now)
    return done


async def _slots_follow(
    session: AsyncSession, clock: Clock, edit: Edit, before: State | None, ahead: int, *, apply: bool
) -> Replan:
    if edit.what is What.PREPARATION or outside.lists_times():
        return Replan()  # the hospital's days still count for plans and reminders
    touched = await clinics_touched(session, edit.what, edit.key, before, edit.after)
    first, last = days_touched(edit.what, edit.key, before, edit.after)
    done = await replan(session, clock, touched, first=first, last=last, ahead=ahead, apply=apply)
    if apply:
        await closures.block_covered(session, clock.now())
        await blocks.block_covered(session, clock.now())
    return done


def _audit(session: AsyncSession, row: ScheduleChange, staff_id: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("schedule", row.id)
    detail = {"what": row.what, "key": row.key}
    audit.record(session, actor=f"staff:{staff_id}", action=action, subject=subject, at=now, detail=detail)


# --- reading ---


@dataclass(frozen=True, slots=True)
class HalfDay:
    """A doctor's half-day as a system outside offers it: `free` places are left, `taken` are booked or held."""

    day: date
    part: str
    starts: datetime
    ends: datetime
    free: int
    taken: int


async def offered(session: AsyncSession, practitioner_id: UUID, now: datetime) -> list[HalfDay]:
    """What is still to come of a doctor's times, half-day by half-day; without those that are neither offered nor booked."""
    rows = await session.execute(
        select(
            Slot.day,
            Slot.part,
            func.min(Slot.start).label("starts"),
            func.max(Slot.end).label("ends"),
            func.sum(case((Slot.status == "free", Slot.capacity - Slot.taken), else_=0)).label("free"),
            func.sum(Slot.taken).label("taken"),
        )
        .where(Slot.practitioner_id == practitioner_id, Slot.start > now, Slot.capacity > 0)
        .group_by(Slot.day, Slot.part)
        .order_by("starts")
    )
    return [HalfDay(one.day, one.part, one.starts, one.ends, int(one.free), int(one.taken)) for one in rows]


async def clinics(session: AsyncSession, practitioner_id: UUID) -> Sequence[Schedule]:
    """A doctor's weekly clinics, by weekday and time."""
    query = (
        select(Schedule)
        .where(Schedule.practitioner_id == practitioner_id, Schedule.active)
        .order_by(Schedule.weekday, Schedule.starts)
    )
    return (await session.scalars(query)).all()


async def exceptions(
    session: AsyncSession, practitioner_id: UUID, first: date
) -> Sequence[ScheduleException]:
    """Those of a doctor and of their clinics from `first` on, by day."""
    mine = select(Schedule.id).where(Schedule.practitioner_id == practitioner_id)
    query = (
        select(ScheduleException)
        .where(
            ScheduleException.day >= first,
            or_(
                ScheduleException.practitioner_id == practitioner_id,
                ScheduleException.schedule_id.in_(mine),
            ),
        )
        .order_by(ScheduleException.day)
    )
    return (await session.scalars(query)).all()


async def recent(
    session: AsyncSession, practitioner_id: UUID | None, limit: int = 8
) -> Sequence[ScheduleChange]:
    """The last changes of a doctor, or (None) of what concerns everybody, the newest first."""
    query = (
        select(ScheduleChange)
        .where(ScheduleChange.practitioner_id == practitioner_id)
        .order_by(ScheduleChange.at.desc(), ScheduleChange.id.desc())
    )
    return (await session.scalars(query.limit(limit))).all()
