"""Questionnaires: how many are finished, and what patients say of their visit."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from content.insight.figures.rows import MarkRow, SurveyRow
from content.insight.period import Period

SATISFACTION = "satisfaction"
"""The questionnaire whose score is the mark for a visit, 1 to 5 (`data/seed/questionnaires/satisfaction.json`)."""


async def surveys(session: AsyncSession, period: Period) -> list[SurveyRow]:
    """Responses begun in the period, by questionnaire (whatever its version) and status."""
    title = func.max(Questionnaire.title)
    rows = await session.execute(
        select(title, QuestionnaireResponse.status, func.count())
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(period.holds(QuestionnaireResponse.started_at))
        .group_by(Questionnaire.name, QuestionnaireResponse.status)
        .order_by(title, QuestionnaireResponse.status)
    )
    return [SurveyRow(*row) for row in rows]


async def marks(session: AsyncSession, period: Period) -> list[MarkRow]:
    """Finished answers about satisfaction by the month they were begun in, and score."""
    month = period.month_of(QuestionnaireResponse.started_at)
    rows = await session.execute(
        select(month, QuestionnaireResponse.score, func.count())
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(
            Questionnaire.name == SATISFACTION,
            period.holds(QuestionnaireResponse.started_at),
            QuestionnaireResponse.status == ResponseStatus.COMPLETED,
            QuestionnaireResponse.score.is_not(None),
        )
        .group_by(month, QuestionnaireResponse.score)
        .order_by(month, QuestionnaireResponse.score)
    )
    return [MarkRow(row[0], row[1] or 0, row[2]) for row in rows]
