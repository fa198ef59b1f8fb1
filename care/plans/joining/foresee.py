"""What comes of putting an audience into a plan, before it is done: who, who not and why, and what they get in the next two weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.rules import GateRules
from care.plans.ahead import calendar
from care.plans.burden import purpose_of
from care.plans.definition import Plan
from care.plans.joining.whom import JOINS, candidates
from care.plans.models import AHEAD, Touch
from care.plans.planning import at_time, due_dates
from channels.chinatime import CHINA

DAYS = 14


@dataclass(frozen=True, slots=True)
class OneDay:
    """How many touches a day, by kind."""

    day: date
    kinds: Mapping[str, int]

    @property
    def count(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`left_out`: how many by reason. `days`: of the coming `DAYS` those with touches. `elsewhere`: of those who join, how many have
    touches of other plans in that time, and how many (`theirs`). `crowded`: how many would be over `cap` messages in a week: what is
    less important waits for them."""

    total: int
    joining: int
    left_out: Mapping[str, int]
    days: Sequence[OneDay]
    elsewhere: int
    theirs: int
    crowded: int
    cap: int


async def foresee(
    session: AsyncSession,
    plan: Plan,
    everyone: Select[Any],
    day: date | None,
    rules: GateRules,
    now: datetime,
) -> Foreseen:
    """Counts only: nobody's record is looked at by a person. Steps counted from other facts than the plan's own are left out."""
    today = now.astimezone(CHINA).date()
    each = candidates(plan, everyone, day, today).subquery("each")
    rows = await session.execute(select(each.c.verdict, func.count()).group_by(each.c.verdict))
    verdicts: dict[str, int] = {str(verdict): int(count) for verdict, count in rows}
    groups = await _groups(session, plan, everyone, day, today)
    dues = await _dues(session, plan, {first for first, *_ in groups}, now)
    cap = rules.burden["follow_up"].week if "follow_up" in rules.burden else 0
    days: dict[date, Counter[str]] = {}
    elsewhere = theirs = crowded = 0
    for first, one, two, people in groups:
        mine = dues[first]
        for at, kind in mine:
            days.setdefault(at, Counter())[kind] += people
        elsewhere += people if one + two else 0
        theirs += people * (one + two)
        told = [at for at, kind in mine if purpose_of(kind) is not None]
        week = sum(1 for at in told if at < today + timedelta(days=7))
        if cap and (one + week > cap or two + len(told) - week > cap):
            crowded += people
    joining = verdicts.pop(JOINS, 0)
    return Foreseen(
        total=joining + sum(verdicts.values()),
        joining=joining,
        left_out=verdicts,
        days=[OneDay(at, days[at]) for at in sorted(days)],
        elsewhere=elsewhere,
        theirs=theirs,
        crowded=crowded,
        cap=cap,
    )


async def _groups(
    session: AsyncSession, plan: Plan, everyone: Select[Any], day: date | None, today: date
) -> list[tuple[date, int, int, int]]:
    """First day, messages of other plans in the first and the second week, and how many people that is."""
    each = candidates(plan, everyone, day, today).subquery("each")
    begins, half = at_time(today, time()), at_time(today + timedelta(days=7), time())
    theirs = and_(
        Touch.patient_id == each.c.patient_id,
        Touch.planned_for >= begins,
        Touch.planned_for < begins + timedelta(days=DAYS),
        Touch.status.in_(AHEAD),
        Touch.kind != "call",
    )
    first_week = func.count(case((Touch.planned_for < half, 1)))
    second_week = func.count(case((Touch.planned_for >= half, 1)))
    person = (
        select(each.c.day.label("day"), first_week.label("one"), second_week.label("two"))
        .select_from(each.outerjoin(Touch, theirs))
        .where(each.c.verdict == JOINS)
        .group_by(each.c.patient_id, each.c.day)
        .subquery("person")
    )
    columns = (person.c.day, person.c.one, person.c.two)
    rows = await session.execute(select(*columns, func.count()).group_by(*columns))
    return [(first, one, two, people) for first, one, two, people in rows]


async def _dues(
    session: AsyncSession, plan: Plan, firsts: set[date], now: datetime
) -> dict[date, list[tuple[date, str]]]:
    """By first day: the local days and kinds of what comes within `DAYS`."""
    if not firsts:
        return {}
    days, last = await calendar(session, plan, sorted(firsts)), now + timedelta(days=DAYS)
    return {
        first: [
            (max(due.at, now).astimezone(CHINA).date(), due.step.kind)
            for due in due_dates(plan, first, days, now)
            if due.skip is None and due.at < last
        ]
        for first in firsts
    }
