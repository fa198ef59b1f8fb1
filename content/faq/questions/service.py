"""What editors see of the unanswered questions and decide about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.models import FaqEntry
from content.faq.questions.models import QuestionAsk, QuestionGroup, UnansweredQuestion
from language.normalise import fold

TREND_DAYS = 14
SHOWN = 50
STATES = ("open", "answered", "dismissed")


@dataclass(frozen=True, slots=True)
class Wording:
    """One way of asking, and how many people used it."""

    id: UUID
    text: str
    people: int
    asks: int


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group with its wordings (the commonest first), its asks of the last `TREND_DAYS` days and the nearest entries."""

    row: QuestionGroup
    wordings: Sequence[Wording]
    trend: Sequence[int]
    nearest: Sequence[FaqEntry]

    @property
    def title(self) -> str:
        return self.wordings[0].text

    @property
    def this_week(self) -> int:
        return sum(self.trend[-7:])

    @property
    def week_before(self) -> int:
        return sum(self.trend[:-7])


async def counts(session: AsyncSession) -> dict[str, int]:
    """How many groups are in each state."""
    rows = await session.execute(select(QuestionGroup.state, func.count()).group_by(QuestionGroup.state))
    found = {str(state): int(number) for state, number in rows}
    return {state: found.get(state, 0) for state in STATES}


async def waiting(session: AsyncSession) -> int:
    """Questions not grouped yet."""
    return (
        await session.scalar(
            select(func.count()).select_from(UnansweredQuestion).where(UnansweredQuestion.group_id.is_(None))
        )
        or 0
    )


async def listed(
    session: AsyncSession, today: date, state: str = "open", words: str = "", least_people: int = 1
) -> list[GroupView]:
    """The groups of a state, those most people asked first, up to `SHOWN`; `words` must be in one of the wordings."""
    rows = list(
        await session.scalars(
            select(QuestionGroup)
            .where(QuestionGroup.state == state, QuestionGroup.people >= least_people)
            .order_by(QuestionGroup.people.desc(), QuestionGroup.asks.desc(), QuestionGroup.id)
            .limit(None if words else SHOWN)
        )
    )
    views = await _views(session, rows, today)
    wanted = fold(words)
    if wanted:
        views = [one for one in views if any(wanted in fold(wording.text) for wording in one.wordings)]
    return views[:SHOWN]


async def one(session: AsyncSession, group_id: UUID, today: date) -> GroupView | None:
    """A group; None when it is gone (it grew into another, or was forgotten)."""
    row = await session.get(QuestionGroup, group_id)
    views = await _views(session, [row], today) if row is not None else []
    return views[0] if views else None


async def _views(session: AsyncSession, rows: Sequence[QuestionGroup], today: date) -> list[GroupView]:
    ids = [row.id for row in rows]
    wordings: dict[UUID, list[Wording]] = defaultdict(list)
    group_of: dict[UUID, UUID] = {}
    people = func.count(func.distinct(QuestionAsk.asker))
    counted = (
        select(QuestionAsk.question_id, people.label("people"), func.sum(QuestionAsk.count).label("asks"))
        .group_by(QuestionAsk.question_id)
        .subquery()
    )
    found = await session.execute(
        select(UnansweredQuestion, counted.c.people, counted.c.asks)
        .outerjoin(counted, counted.c.question_id == UnansweredQuestion.id)
        .where(UnansweredQuestion.group_id.in_(ids))
        .order_by(counted.c.people.desc(), counted.c.asks.desc(), UnansweredQuestion.id)
    )
    for question, asked_by, asks in found:
        wordings[question.group_id].append(Wording(question.id, question.text, asked_by or 0, int(asks or 0)))
        group_of[question.id] = question.group_id
    first = today - timedelta(days=TREND_DAYS - 1)
    trend: dict[UUID, list[int]] = defaultdict(lambda: [0] * TREND_DAYS)
    days = await session.execute(
        select(QuestionAsk.question_id, QuestionAsk.day, func.sum(QuestionAsk.count))
        .join(UnansweredQuestion, UnansweredQuestion.id == QuestionAsk.question_id)
        .where(UnansweredQuestion.group_id.in_(ids), QuestionAsk.day >= first)
        .group_by(QuestionAsk.question_id, QuestionAsk.day)
    )
    for question_id, day, number in days:
        if 0 <= (place := (day - first).days) < TREND_DAYS:
            trend[group_of[question_id]][place] += int(number)
    slugs = {slug for row in rows for slug in [*row.nearest, row.entry_slug] if slug}
    entries = {
        entry.slug: entry for entry in await session.scalars(select(FaqEntry).where(FaqEntry.slug.in_(slugs)))
    }
    return [
        GroupView(
            row,
            wordings[row.id],
            trend[row.id],
            [
                entries[slug]
                for slug in row.nearest
                if slug in entries and entries[slug].status == "published"
            ],
        )
        for row in rows
        if wordings[row.id]
    ]


async def decide(
    session: AsyncSession,
    group_id: UUID,
    state: str,
    *,
    staff_id: UUID,
    now: datetime,
    entry_slug: str | None = None,
) -> bool:
    """Answer, dismiss or reopen a group; False when it is gone."""
    row = await session.get(QuestionGroup, group_id, with_for_update=True)
    if row is None:
        return False
    row.state, row.entry_slug = state, entry_slug
    row.decided_by, row.decided_at = (None, None) if state == "open" else (staff_id, now)
    return True
