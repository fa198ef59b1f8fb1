"""Publishing definitions, and answering them one item at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.coded import keep_coded
from care.questionnaires.definition import Definition, Item, read_definition
from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from care.questionnaires.publishing import latest, publish, publish_shipped
from care.questionnaires.reading import Read, Why, read
from care.questionnaires.scoring import TOTAL, scores
from store import events

__all__ = ["latest", "publish", "publish_shipped"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer is stored.

    `next` is the item to ask; None: that was the last, and the response is complete.
    """

    next: Item | None


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing was stored; ask `item` again and say `why`."""

    why: Why
    item: Item


@dataclass(frozen=True, slots=True)
class NotOpen:
    """The response is finished or stopped."""


async def start(
    session: AsyncSession,
    questionnaire: Questionnaire,
    *,
    now: datetime,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    patient_id: UUID | None = None,
) -> QuestionnaireResponse:
    """Begin, or go on with what this conversation has under way of the same version."""
    if conversation_id is not None:
        under_way = await active(session, conversation_id)
        if under_way is not None and under_way.questionnaire_id == questionnaire.id:
            return under_way
    response = QuestionnaireResponse(
        questionnaire_id=questionnaire.id,
        patient_id=patient_id,
        contact_id=contact_id,
        conversation_id=conversation_id,
        status=ResponseStatus.IN_PROGRESS,
        current=0,
        answers={},
        started_at=now,
        updated_at=now,
    )
    session.add(response)
    await session.flush()
    if patient_id is not None:
        _emit(session, response, "questionnaire.started", questionnaire.name, now)
    return response


async def active(session: AsyncSession, conversation_id: UUID) -> QuestionnaireResponse | None:
    """The newest response under way in a conversation."""
    query = (
        select(QuestionnaireResponse)
        .where(
            QuestionnaireResponse.conversation_id == conversation_id,
            QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS,
        )
        .order_by(QuestionnaireResponse.started_at.desc(), QuestionnaireResponse.id.desc())
        .limit(1)
    )
    return (await session.scalars(query)).first()


async def get(session: AsyncSession, response_id: UUID) -> QuestionnaireResponse | None:
    return await session.get(QuestionnaireResponse, response_id)


async def current_item(session: AsyncSession, response: QuestionnaireResponse) -> Item | None:
    """The item asked now; None when the response is not open."""
    if response.status != ResponseStatus.IN_PROGRESS:
        return None
    items = read_definition((await _definition(session, response)).definition).items
    return items[response.current] if response.current < len(items) else None


async def answer(
    session: AsyncSession, response: QuestionnaireResponse, text: str, *, now: datetime
) -> Accepted | Invalid | NotOpen:
    """Take an answer (typed text, an option's number, label or code) to the current item.

    The last answer completes the response and emits `questionnaire.completed`.
    """
    questionnaire = await _definition(session, response)
    definition = read_definition(questionnaire.definition)
    items = definition.items
    if response.status != ResponseStatus.IN_PROGRESS or response.current >= len(items):
        return NotOpen()
    item = items[response.current]
    result = read(item, text)
    if not isinstance(result, Read):
        return Invalid(result.why, item)
    response.answers = {**response.answers, item.link_id: result.value}
    response.current += 1
    response.updated_at = now
    if response.current < len(items):
        return Accepted(items[response.current])
    response.status, response.completed_at = ResponseStatus.COMPLETED, now
    response.score = _score(definition, response.answers)
    if response.patient_id is not None:
        await keep_coded(session, response, response.patient_id, questionnaire.name, items)
    if response.patient_id is not None:
        _emit(session, response, "questionnaire.completed", questionnaire.name, now)
    return Accepted(None)


async def back(session: AsyncSession, response: QuestionnaireResponse, *, now: datetime) -> Item | None:
    """One item back; the item to ask again.

    None when the response is not open; at the first item it stays there.
    """
    if response.status != ResponseStatus.IN_PROGRESS:
        return None
    response.current = max(0, response.current - 1)
    response.updated_at = now
    return await current_item(session, response)


async def stop(session: AsyncSession, response: QuestionnaireResponse, *, now: datetime) -> bool:
    """The person wants no more questions; what was answered stays. False when it was not open."""
    if response.status != ResponseStatus.IN_PROGRESS:
        return False
    response.status, response.updated_at = ResponseStatus.STOPPED, now
    if response.patient_id is not None:
        _emit(session, response, "questionnaire.stopped", (await _definition(session, response)).name, now)
    return True


def _score(definition: Definition, answers: dict[str, Any]) -> int | None:
    total = scores(definition, answers).get(TOTAL)
    return None if total is None else int(total.value)


async def _definition(session: AsyncSession, response: QuestionnaireResponse) -> Questionnaire:
    return await session.get_one(Questionnaire, response.questionnaire_id)


def _emit(
    session: AsyncSession, response: QuestionnaireResponse, kind: str, name: str, now: datetime
) -> None:
    if response.patient_id is not None:
        data = {"response_id": str(response.id), "questionnaire": name}
        events.emit(session, response.patient_id, kind, now, **data)
