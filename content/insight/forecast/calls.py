"""Hours of nurses on the phone: calls to come, and what one takes, by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.desk.models import DeskTask, TaskKind
from care.followup.models import LIVE, CallStatus, FollowUpCall, FollowUpStep, StepKind
from care.hospital.workdays import Workdays, workdays
from content.insight.forecast.ahead import HISTORY
from content.insight.forecast.reckoning import ENOUGH, Reckoned

MEASURED = timedelta(days=90)
MOST_MEASURED = 5000
"""Steps read to measure a call."""
LONGEST = timedelta(hours=1)
"""Longer, and the call was taken and left lying: not counted."""
PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls that no row announces: `others` a working day, by where they come from (`lost`, `staff`, `missed`, `chase`, `alert`)."""

    others: Mapping[str, float]

    @property
    def a_day(self) -> float:
        return sum(self.others.values())


@dataclass(frozen=True, slots=True)
class Effort:
    """`minutes` a time somebody rings, `times` a call is rung before it is over; `measured` calls, 0: the setting is taken."""

    minutes: float
    times: float
    measured: int

    @property
    def a_call(self) -> float:
        return self.minutes * self.times


@dataclass(frozen=True, slots=True)
class Phone:
    """`waiting` by day: calls on the list already; what is overdue counts for the first working day."""

    waiting: Mapping[date, int]
    pace: Pace
    effort: Effort
    days: Workdays


@dataclass(frozen=True, slots=True)
class CallDay:
    """`calls` expected, `hours` they take, `capacity` hours there are (None: not said)."""

    day: date
    calls: float
    hours: float
    capacity: float | None


async def phone(
    session: AsyncSession, today: date, days: int, zone: ZoneInfo, now: datetime, minutes: float
) -> Phone:
    """`minutes`: a call's until there are enough to measure."""
    last = today + timedelta(days=days - 1)
    of = await workdays(session, today - HISTORY, last)
    rows = await session.execute(
        select(FollowUpCall.due_on, func.count())
        .where(FollowUpCall.status.in_(LIVE), FollowUpCall.due_on <= last)
        .group_by(FollowUpCall.due_on)
    )
    waiting: dict[date, int] = defaultdict(int)
    for day, number in rows:
        waiting[day if day >= today else of.next_workday(today)] += number
    begins = datetime.combine(today - HISTORY, time(), zone)
    ends = datetime.combine(today, time(), zone)
    worked = sum(of.is_workday(today - timedelta(days=back)) for back in range(1, HISTORY.days + 1))
    counted = await session.execute(
        select(FollowUpCall.source, func.count())
        .where(FollowUpCall.source != PLAN, FollowUpCall.created_at.between(begins, ends))
        .group_by(FollowUpCall.source)
    )
    others = dict(counted.tuples().all())
    chased = DeskTask.kind == TaskKind.CALL, DeskTask.created_at.between(begins, ends)
    others["chase"] = others.get("chase", 0) + (
        await session.scalar(select(func.count()).select_from(DeskTask).where(*chased)) or 0
    )
    alerts = select(func.count()).select_from(Alert).where(Alert.opened_at.between(begins, ends))
    others["alert"] = await session.scalar(alerts) or 0
    pace = Pace({of_: number / worked for of_, number in others.items() if number} if worked else {})
    return Phone(waiting, pace, await effort(session, now, minutes), of)


async def effort(session: AsyncSession, now: datetime, minutes: float) -> Effort:
    """From taking a call to the outcome of the first ringing, as a median, and how often one was rung. Both of the last 90 days."""
    over = FollowUpCall.status == CallStatus.DONE, FollowUpCall.done_at > now - MEASURED
    steps = await session.execute(
        select(FollowUpStep.call_id, FollowUpStep.kind, FollowUpStep.at)
        .join(FollowUpCall, FollowUpCall.id == FollowUpStep.call_id)
        .where(*over, FollowUpStep.kind.in_((StepKind.TAKEN, StepKind.CALLED)))
        .order_by(FollowUpCall.done_at.desc(), FollowUpStep.call_id, FollowUpStep.at, FollowUpStep.id)
        .limit(MOST_MEASURED)
    )
    taken: dict[object, datetime] = {}
    rung: dict[object, int] = defaultdict(int)
    took: list[float] = []
    for call_id, kind, at in steps:
        if kind == StepKind.TAKEN:
            taken[call_id] = at
            continue
        rung[call_id] += 1
        begun = taken.pop(call_id, None)
        if begun is not None and timedelta() < at - begun <= LONGEST:
            took.append((at - begun) / timedelta(minutes=1))
    if len(took) < ENOUGH:
        return Effort(minutes, 1.0, 0)
    return Effort(median(took), sum(rung.values()) / len(rung), len(took))


def call_days(of: Phone, touches: Reckoned, today: date, capacity: Sequence[float]) -> list[CallDay]:
    """`capacity`: hours by weekday, Monday first; empty: not said. What a plan expects on a day off is rung on that day,
    by whoever is there: on a named one nobody."""
    made = []
    for place, (planned, joining) in enumerate(zip(touches.expected, touches.joining, strict=True)):
        day = today + timedelta(days=place)
        works = of.days.is_workday(day)
        calls = planned.get("call", 0.0) + joining.get("call", 0.0) + of.waiting.get(day, 0)
        calls += of.pace.a_day if works else 0.0
        has = None if not capacity else 0.0 if of.days.holiday(day) else capacity[of.days.weekday(day)]
        made.append(CallDay(day, calls, calls * of.effort.a_call / 60, has))
    return made
