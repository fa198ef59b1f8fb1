"""Touches to come and what became of those before, counted by plan and kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, and_, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.plans import publishing
from care.plans.definition import Plan
from care.plans.models import AHEAD, CarePlan, Touch, TouchStatus
from care.questionnaires.models import QuestionnaireResponse
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung
from content.insight.sqltime import hash_joins, local_day

HISTORY = timedelta(weeks=8)
"""What became of touches is taken from so many weeks."""
JOINING = timedelta(weeks=4)
"""And how many join a plan from so many."""
LEFT = (TouchStatus.SENT, TouchStatus.ANSWERED, TouchStatus.DONE)
DROPPED = (TouchStatus.SKIPPED, TouchStatus.CANCELLED)
TOOK = ("accepted", "uncertain")
"""Attempts a vendor charges for, or may."""
ASKED = "questionnaire:"
"""How keys of a questionnaire's messages begin; then its response's id."""


class Coming(NamedTuple):
    """Touches that are to go on a day."""

    plan: str
    kind: str
    day: date
    number: int


class Became(NamedTuple):
    """Touches that were due in `HISTORY`, late ones that still wait left out."""

    left: int
    dropped: int


class Texted(NamedTuple):
    """Touches that left in `HISTORY`: how many of them as SMS (one at least), and the parts these took."""

    touches: int
    by_sms: int
    parts: int


@dataclass(frozen=True, slots=True)
class Touches:
    """`became` by plan and kind, `texted` by kind; `joined` a plan in `JOINING`, by its name; `plans` that take patients."""

    coming: Sequence[Coming]
    became: Mapping[tuple[str, str], Became]
    texted: Mapping[str, Texted]
    joined: Mapping[str, int]
    plans: Mapping[str, Plan]
    titles: Mapping[str, str]


async def touches(session: AsyncSession, today: date, days: int, zone: ZoneInfo, now: datetime) -> Touches:
    """The next `days` of the hospital from `today` on; what is overdue counts for today."""
    coming = await _coming(session, today, days, zone, now)
    became = await _became(session, now)
    joined = await session.execute(
        select(CarePlan.plan, func.count()).where(CarePlan.started_at > now - JOINING).group_by(CarePlan.plan)
    )
    every = await publishing.all_current(session)
    return Touches(
        coming,
        became,
        await _texted(session, now),
        dict(joined.tuples().all()),
        await publishing.running(session),
        {one.plan.name: one.plan.title for one in every},
    )


async def _coming(
    session: AsyncSession, today: date, days: int, zone: ZoneInfo, now: datetime
) -> list[Coming]:
    """By the day it is looked at next: `due_at`, which has an index, and which what is on hold does not have."""
    ends = datetime.combine(today + timedelta(days=days), time(), zone)
    day = local_day(session, Touch.due_at, zone, now)
    rows = await session.execute(
        select(CarePlan.plan, Touch.kind, day, func.count())
        .join(CarePlan, CarePlan.id == Touch.care_plan_id)
        .where(Touch.status.in_(AHEAD), Touch.due_at < ends)
        .group_by(CarePlan.plan, Touch.kind, day)
        .order_by(CarePlan.plan, Touch.kind, day)
    )
    folded: dict[tuple[str, str, date], int] = defaultdict(int)
    for plan, kind, when, number in rows:
        folded[plan, kind, max(when, today)] += number
    return [Coming(*key, number) for key, number in folded.items()]


async def _became(session: AsyncSession, now: datetime) -> dict[tuple[str, str], Became]:
    rows = await session.execute(
        select(CarePlan.plan, Touch.kind, Touch.status, func.count())
        .join(CarePlan, CarePlan.id == Touch.care_plan_id)
        .where(
            Touch.planned_for > now - HISTORY,
            Touch.planned_for <= now,
            Touch.status.in_((*LEFT, *DROPPED)),
        )
        .group_by(CarePlan.plan, Touch.kind, Touch.status)
    )
    folded: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for plan, kind, status, number in rows:
        folded[plan, kind][status not in LEFT] += number
    return {key: Became(*both) for key, both in folded.items()}


async def _texted(session: AsyncSession, now: datetime) -> dict[str, Texted]:
    """Of the attempts' own count of parts (`channels.sms.template.count_parts` of the text as it left)."""
    await hash_joins(session)
    by_message = await session.execute(_messages(now))
    by_answer = await session.execute(_questionnaires(now))
    return {
        row.kind: Texted(row.touches, row.by_sms, int(row.parts or 0)) for row in [*by_message, *by_answer]
    }


def _texting(now: datetime) -> Any:
    """Touches that left, those with an SMS, and its parts."""
    with_sms = case((DeliveryAttempt.id.is_not(None), Touch.id))
    return (
        select(
            Touch.kind,
            func.count(Touch.id.distinct()).label("touches"),
            func.count(with_sms.distinct()).label("by_sms"),
            func.sum(DeliveryAttempt.parts).label("parts"),
        )
        .where(Touch.sent_at > now - HISTORY, Touch.status.in_(LEFT))
        .group_by(Touch.kind)
    )


def _sms(message_id: Any) -> ColumnElement[bool]:
    return and_(
        DeliveryAttempt.outbound_id == message_id,
        DeliveryAttempt.rung == Rung.SMS,
        DeliveryAttempt.verdict.in_(TOOK),
    )


def _messages(now: datetime) -> Any:
    """A message that went on from WeChat to a phone counts as the one that went on."""
    first, on = aliased(OutboundMessage), aliased(OutboundMessage)
    return (
        _texting(now)
        .join(first, first.dedup_key == Touch.outbound_key)
        .outerjoin(on, on.continues == first.id)
        .outerjoin(DeliveryAttempt, _sms(func.coalesce(on.id, first.id)))
        .where(Touch.kind != "questionnaire")
    )


def _questionnaires(now: datetime) -> Any:
    """One is asked for several times; the messages are found by the response's id in their keys."""
    first, on, answer = aliased(OutboundMessage), aliased(OutboundMessage), QuestionnaireResponse
    said = func.substr(first.dedup_key, len(ASKED) + 1, 36)
    of_answer = func.replace(said, "-", "") == func.replace(cast(answer.id, String), "-", "")
    recent = and_(first.dedup_key.startswith(ASKED), first.created_at > now - HISTORY)
    return (
        _texting(now)
        .join(answer, answer.key == Touch.outbound_key)
        .outerjoin(first, and_(of_answer, recent))
        .outerjoin(on, on.continues == first.id)
        .outerjoin(DeliveryAttempt, _sms(func.coalesce(on.id, first.id)))
        .where(Touch.kind == "questionnaire")
    )
