"""Conversations: which the bot ended alone, which questions it could not answer, how long people let wait, who complained."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Select, case, func, literal, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import DeskTask, TaskKind
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from content.faq.questions.models import QuestionAsk
from content.insight.figures.rows import GrumbleRow, QuestionRow, TalkRow, WaitRow
from content.insight.period import Period
from content.insight.sqltime import local_day, seconds_between

ALL = -1
"""The month of a row about the whole period."""
COMPLAIN = "complain"
"""The intent of a message that is a complaint."""


async def talks(session: AsyncSession, period: Period) -> list[TalkRow]:
    """What one contact wrote on one day of the hospital is a conversation; people were needed where anything of it went to
    the desk, or staff wrote, on that day."""

    def days(table: Any, at: Any, *also: Any) -> Select[Any]:
        day = local_day(session, at, period.zone, period.begins(period.first)).label("day")
        return select(table.conversation_id, day, *also).where(period.holds(at))

    wrote = (
        days(InboundMessage, InboundMessage.received_at, InboundMessage.channel)
        .where(InboundMessage.kind != "event")
        .distinct()
        .subquery()
    )
    people = union(
        days(DeskTask, DeskTask.created_at).where(
            DeskTask.conversation_id.is_not(None), DeskTask.kind != TaskKind.UNCERTAIN_SEND
        ),
        days(OutboundMessage, OutboundMessage.created_at).where(OutboundMessage.purpose == "staff_reply"),
    ).subquery()
    month = period.month_of_day(wrote.c.day)
    rows = await session.execute(
        select(month, wrote.c.channel, func.count(), func.count(people.c.conversation_id))
        .outerjoin(
            people, (people.c.conversation_id == wrote.c.conversation_id) & (people.c.day == wrote.c.day)
        )
        .group_by(month, wrote.c.channel)
        .order_by(month, wrote.c.channel)
    )
    return [TalkRow(*row) for row in rows]


async def waits(session: AsyncSession, period: Period) -> list[WaitRow]:
    """From asking for a person to the first words of one, by month and for all. Percentiles are the nearest rank's.

    A request is answered by what staff wrote between it and its end.
    """
    said = (
        select(func.min(OutboundMessage.created_at))
        .where(
            OutboundMessage.conversation_id == DeskTask.conversation_id,
            OutboundMessage.purpose == "staff_reply",
            OutboundMessage.created_at >= DeskTask.created_at,
            OutboundMessage.created_at <= func.coalesce(DeskTask.done_at, OutboundMessage.created_at),
        )
        .correlate(DeskTask)
        .scalar_subquery()
    )
    asked = (
        select(
            period.month_of(DeskTask.created_at).label("month"),
            DeskTask.created_at,
            DeskTask.due_at,
            said.label("said"),
        )
        .where(DeskTask.kind == TaskKind.HUMAN_REQUEST, period.holds(DeskTask.created_at))
        .subquery()
    )
    waited = (
        select(
            asked.c.month,
            seconds_between(session, asked.c.created_at, asked.c.said).label("wait"),
            case((asked.c.said <= asked.c.due_at, 1), else_=0).label("in_time"),
        )
        .cte("waited")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    found: list[WaitRow] = []
    for month in (waited.c.month, literal(ALL)):
        ranked = select(
            month.label("month"),
            waited.c.wait,
            waited.c.in_time,
            func.row_number().over(partition_by=month, order_by=waited.c.wait.nulls_last()).label("place"),
            func.count(waited.c.wait).over(partition_by=month).label("answered"),
        ).subquery()
        rows = await session.execute(
            select(
                ranked.c.month,
                func.count(),
                func.max(ranked.c.answered),
                func.sum(ranked.c.in_time),
                *(
                    func.max(case((ranked.c.place == rank, ranked.c.wait)))
                    for rank in _ranks(ranked.c.answered)
                ),
            )
            .group_by(ranked.c.month)
            .order_by(ranked.c.month)
        )
        found += [WaitRow(*row) for row in rows]
    return found


def _ranks(count: Any) -> tuple[Any, Any]:
    """The places of the median and of the 90th percentile among `count`: the smallest with so many at or below it."""
    return (count + 1) // 2, (count * 9 + 9) // 10


async def grumbles(session: AsyncSession, period: Period) -> list[GrumbleRow]:
    """Complaints by month."""
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for place, at, which in (
        (0, DeskTask.created_at, DeskTask.kind == TaskKind.COMPLAINT),
        (1, InboundMessage.received_at, InboundMessage.intent == COMPLAIN),
    ):
        month = period.month_of(at)
        counted = select(month, func.count()).where(period.holds(at), which).group_by(month)
        for number, count in await session.execute(counted):
            found[number][place] = count
    return [GrumbleRow(month, *counts) for month, counts in sorted(found.items())]


async def questions(session: AsyncSession, period: Period) -> list[QuestionRow]:
    """Questions nothing answered well, by month."""
    month = period.month_of_day(QuestionAsk.day)
    rows = await session.execute(
        select(month, func.sum(QuestionAsk.count), func.count(QuestionAsk.asker.distinct()))
        .where(QuestionAsk.day >= period.first, QuestionAsk.day < period.after)
        .group_by(month)
        .order_by(month)
    )
    return [QuestionRow(*row) for row in rows]
