"""The coded side of a finished response: what audiences may ask for. Answers themselves stay sealed with the response."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.definition import Item
from care.questionnaires.models import TOTAL, AnswerNow, QuestionnaireResponse
from care.questionnaires.values import NUMBERS
from channels.chinatime import CHINA


async def keep_coded(
    session: AsyncSession,
    response: QuestionnaireResponse,
    patient_id: UUID,
    items: tuple[Item, ...],
) -> None:
    """Make the answers of `response` the patient's newest to its questionnaire; those to another version's items go."""
    mine = (AnswerNow.patient_id == patient_id, AnswerNow.questionnaire == response.name)
    await session.execute(delete(AnswerNow).where(*mine))
    answered: datetime = response.completed_at or response.updated_at
    for link_id, (code, number) in _coded(items, response).items():
        session.add(
            AnswerNow(
                patient_id=patient_id,
                questionnaire=response.name,
                link_id=link_id,
                code=code,
                number=number,
                answered_date=answered.astimezone(CHINA).date(),
                response_id=response.id,
            )
        )


def _coded(
    items: tuple[Item, ...], response: QuestionnaireResponse
) -> dict[str, tuple[str | None, float | None]]:
    answers: dict[str, Any] = response.answers
    found: dict[str, tuple[str | None, float | None]] = {}
    for item in items:
        value = answers.get(item.link_id)
        if value is None:
            continue
        if item.type in ("choice", "open-choice"):
            if isinstance(value, str):  # of several at once, and of words of one's own, there is no one code
                found[item.link_id] = (value, None)
        elif item.type == "boolean":
            found[item.link_id] = ("true" if value else "false", None)
        elif item.type in NUMBERS:
            found[item.link_id] = (None, float(value))
    if response.score is not None:
        found[TOTAL] = (None, float(response.score))
    return found
