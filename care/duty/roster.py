"""Writing the roster: shifts put on and taken off, a week copied, and where nobody stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.duty.models import Position, Shift
from care.duty.service import ROLE
from store import audit
from store.clock import Clock
from web.signin.models import StaffUser

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hole:
    """From `starts_at` to `ends_at` nobody is on the roster for `position`, in any department."""

    position: Position
    starts_at: datetime
    ends_at: datetime


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def span(clock: Clock, day: date, begins: time, ends: time) -> tuple[datetime, datetime]:
    """A shift of local `day`, aware UTC; one that ends at or before its beginning ends the next day."""
    start, end = datetime.combine(day, begins), datetime.combine(day, ends)
    return clock.to_utc(start), clock.to_utc(end if end > start else end + DAY)


def bounds(clock: Clock, monday: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(monday, time())
    return clock.to_utc(begin), clock.to_utc(begin + WEEK)


async def of_week(session: AsyncSession, clock: Clock, monday: date) -> Sequence[Shift]:
    """Shifts that touch the week, in order."""
    begin, end = bounds(clock, monday)
    query = select(Shift).where(Shift.starts_at < end, Shift.ends_at > begin)
    return (await session.scalars(query.order_by(Shift.starts_at, Shift.position, Shift.id))).all()


async def put_on(
    session: AsyncSession,
    *,
    position: Position,
    staff_id: UUID,
    spans: Sequence[tuple[datetime, datetime]],
    department_id: UUID | None,
    by: UUID,
    now: datetime,
) -> Literal["done", "overlaps", "wrong_role"]:
    """All of `spans` or none. `wrong_role`: not active, or no doctor for a doctor's shift and the like."""
    person = await session.get(StaffUser, staff_id)
    if person is None or not person.active or ROLE[position] not in person.roles:
        return "wrong_role"
    theirs = await session.execute(
        select(Shift.starts_at, Shift.ends_at).where(
            Shift.staff_id == staff_id,
            Shift.position == position,
            Shift.ends_at > min(begin for begin, _ in spans),
            Shift.starts_at < max(end for _, end in spans),
        )
    )
    taken = [(row[0], row[1]) for row in theirs]
    if any(begin < other_end and end > other for begin, end in spans for other, other_end in taken):
        return "overlaps"
    session.add_all(
        Shift(
            position=position,
            department_id=department_id,
            staff_id=staff_id,
            starts_at=begin,
            ends_at=end,
            created_by=by,
            created_at=now,
        )
        for begin, end in spans
    )
    _audit(session, by, "roster.put_on", staff_id, now, position=position.value, shifts=len(spans))
    return "done"


async def take_off(session: AsyncSession, shift_id: UUID, *, by: UUID, now: datetime) -> Shift | None:
    """The shift as it was; None when it was gone already."""
    row = await session.get(Shift, shift_id)
    if row is None:
        return None
    await session.execute(delete(Shift).where(Shift.id == shift_id))
    _audit(session, by, "roster.take_off", row.staff_id, now, position=row.position)
    return row


async def copy_week(session: AsyncSession, clock: Clock, monday: date, *, by: UUID, now: datetime) -> int:
    """The week before, once more: how many shifts came in. What is there already is left alone, who left the house left out."""
    begin, end = bounds(clock, monday - WEEK)
    before = await session.scalars(
        select(Shift)
        .join(StaffUser, StaffUser.id == Shift.staff_id)
        .where(Shift.starts_at >= begin, Shift.starts_at < end, StaffUser.active)
    )
    here = [
        (one.staff_id, one.position, one.starts_at, one.ends_at)
        for one in await of_week(session, clock, monday)
    ]
    copies = []
    for one in before.all():
        start, stop = one.starts_at + WEEK, one.ends_at + WEEK
        if any(
            (one.staff_id, one.position) == (s, p) and start < until and stop > since
            for s, p, since, until in here
        ):
            continue
        copies.append(
            Shift(
                position=one.position,
                department_id=one.department_id,
                staff_id=one.staff_id,
                starts_at=start,
                ends_at=stop,
                created_by=by,
                created_at=now,
            )
        )
    session.add_all(copies)
    if copies:
        _audit(session, by, "roster.copy_week", by, now, shifts=len(copies))
    return len(copies)


def holes(shifts: Sequence[Shift], begin: datetime, end: datetime) -> list[Hole]:
    """Where nobody stands between `begin` and `end`, for each position, in order."""
    found = []
    for position in Position:
        at = begin
        for one in sorted((s for s in shifts if s.position == position), key=lambda s: s.starts_at):
            if one.starts_at > at:
                found.append(Hole(position, at, min(one.starts_at, end)))
            at = max(at, one.ends_at)
            if at >= end:
                break
        if at < end:
            found.append(Hole(position, at, end))
    return [one for one in found if one.ends_at > one.starts_at]


def _audit(
    session: AsyncSession, by: UUID, action: str, staff_id: UUID, now: datetime, **detail: object
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=action,
        subject=audit.subject_of("staff", staff_id),
        at=now,
        detail=dict(detail),
    )
