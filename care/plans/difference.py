"""What another version of a plan changes for those who are in it, counted before it is published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.ahead import calendar, dates
from care.plans.definition import Plan
from care.plans.models import AHEAD, LIVE, CarePlan, Touch
from care.plans.planning import Days, day_of, due_dates, moment


@dataclass(frozen=True, slots=True)
class Replan:
    """Touches not sent yet, of all patients in the plan: moved to another time, added, dropped, as they were. `late`: of those, whose new
    day is past already, so that they are skipped. `patients`: how many are in it."""

    moved: int
    added: int
    dropped: int
    unchanged: int
    late: int
    patients: int


async def difference(session: AsyncSession, old: Plan, new: Plan, now: datetime | None = None) -> Replan:
    """What `replanning` will do when `new` is published. Without `now` nothing counts as late."""
    in_it = (CarePlan.plan == old.name, CarePlan.status.in_(LIVE))
    others = cast(CarePlan.anchors, String)
    people = (
        await session.execute(
            select(CarePlan.anchor_date, others, func.count())
            .where(*in_it)
            .group_by(CarePlan.anchor_date, others)
        )
    ).all()
    if not people:
        return Replan(0, 0, 0, 0, 0, 0)
    rows = (
        await session.execute(
            select(
                CarePlan.anchor_date,
                others,
                Touch.step,
                Touch.planned_for,
                Touch.status,
                Touch.pinned,
                func.count(),
            )
            .join(Touch, Touch.care_plan_id == CarePlan.id)
            .where(*in_it)
            .group_by(CarePlan.anchor_date, others, Touch.step, Touch.planned_for, Touch.status, Touch.pinned)
        )
    ).all()
    days = await calendar(session, new, [row[0] for row in people])
    moved = dropped = unchanged = late = added = 0
    has: dict[tuple[date, str, str], int] = {}
    wanted = {(row[0], row[1]): _wanted(new, row[0], row[1], days, now) for row in people}
    for day, anchors, step, planned_for, status, pinned, count in rows:
        has[day, anchors, step] = has.get((day, anchors, step), 0) + count
        if status not in AHEAD:
            continue
        at = wanted[day, anchors].get(step)
        if at is None:
            dropped += count
        elif pinned or at[0] == planned_for:
            unchanged += count
        else:
            moved += count
            late += count if at[1] else 0
    for day, anchors, count in people:
        for step_id, (_, is_late) in wanted[day, anchors].items():
            missing = count - has.get((day, anchors, step_id), 0)
            added += missing
            late += missing if is_late else 0
    return Replan(moved, added, dropped, unchanged, late, sum(row[2] for row in people))


def _wanted(
    plan: Plan, day: date, anchors: Any, days: Days, now: datetime | None
) -> dict[str, tuple[datetime, bool]]:
    """By step its moment, and whether that is too late."""
    known = dates(_read(anchors))
    if now is not None:
        found = due_dates(plan, day, days, now, anchors=known)
        return {one.step.id: (one.at, one.skip is not None) for one in found}
    when = ((one, day_of(one, plan, day, known)) for one in plan.steps)
    return {one.id: (moment(one, at, days), False) for one, at in when if at is not None}


def _read(anchors: Any) -> dict[str, str]:
    read: Any = json.loads(anchors) if isinstance(anchors, str) else anchors
    return dict(read or {})
