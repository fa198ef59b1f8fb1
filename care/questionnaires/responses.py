"""Responses: asked for, begun, found, put off, ended. Answering them is `answering`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.definition import Definition, read_definition
from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from care.questionnaires.prefilling import known
from care.questionnaires.publishing import latest
from care.rows import add_new
from store import events

LIFETIME = timedelta(days=10)
MOST_READ = 200
"""Definitions a process remembers; the oldest is forgotten first."""
_READ: dict[UUID, Definition] = {}
"""How long an assigned questionnaire takes answers, if who assigns it does not say: three days after the last reminder; ours."""
Reason = Literal["left", "expired", "withdrawn", "superseded"]
_OPEN = QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS
_OLDEST = (QuestionnaireResponse.started_at, QuestionnaireResponse.id)


async def assign(
    session: AsyncSession,
    name: str,
    *,
    patient_id: UUID,
    now: datetime,
    source: str,
    key: str,
    contact_id: UUID | None = None,
    expires_at: datetime | None = None,
    appointment_id: UUID | None = None,
) -> QuestionnaireResponse | None:
    """Ask a patient to fill in the questionnaire `name`, once per `key`; it is sent by the job (`asking`), through the gate.

    An older open one of the same name is superseded. `contact_id`: whom to ask, where not the patient's own address. None: asked
    for already, or no such questionnaire is published. Emits `questionnaire.assigned`.
    """
    questionnaire = await latest(session, name)
    if questionnaire is None:
        return None
    row = QuestionnaireResponse(
        questionnaire_id=questionnaire.id,
        name=name,
        key=key,
        source=source,
        patient_id=patient_id,
        contact_id=contact_id,
        appointment_id=appointment_id,
        status=ResponseStatus.IN_PROGRESS,
        revision=0,
        answers=await known(session, patient_id, read_definition(questionnaire.definition)),
        chased=0,
        attempts=0,
        started_at=now,
        updated_at=now,
        due_at=now,
        expires_at=expires_at or now + LIFETIME,
    )
    before = [one for one in await open_of(session, patient_id) if one.name == name]
    if not await add_new(session, row):
        return None
    for one in before:
        await stop(session, one, now=now, reason="superseded")
    stored = await session.get_one(QuestionnaireResponse, row.id)
    emit(session, stored, "questionnaire.assigned", now)
    return stored


async def start(
    session: AsyncSession,
    questionnaire: Questionnaire,
    *,
    now: datetime,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    patient_id: UUID | None = None,
) -> QuestionnaireResponse:
    """Begin from the patient's own wish, or go on with what is open of the same name, here or elsewhere."""
    open_ones = list(await open_of(session, patient_id)) if patient_id is not None else []
    if conversation_id is not None and (here := await active(session, conversation_id)) is not None:
        open_ones.append(here)
    for one in open_ones:
        if one.name == questionnaire.name and (patient_id is None or one.patient_id in (None, patient_id)):
            one.conversation_id = conversation_id
            resume(one, now=now)
            return one
    definition = read_definition(questionnaire.definition)
    filled = await known(session, patient_id, definition) if patient_id is not None else {}
    response = QuestionnaireResponse(
        questionnaire_id=questionnaire.id,
        name=questionnaire.name,
        source="self",
        patient_id=patient_id,
        contact_id=contact_id,
        conversation_id=conversation_id,
        status=ResponseStatus.IN_PROGRESS,
        revision=0,
        answers=filled,
        chased=0,
        attempts=0,
        started_at=now,
        updated_at=now,
    )
    session.add(response)
    await session.flush()
    return response


async def open_of(session: AsyncSession, patient_id: UUID) -> Sequence[QuestionnaireResponse]:
    """What is open for a patient, oldest first, whoever speaks for them and on whatever channel. Put off ones too."""
    return await open_of_any(session, [patient_id])


async def open_of_any(session: AsyncSession, patient_ids: Sequence[UUID]) -> Sequence[QuestionnaireResponse]:
    """As `open_of`, for several patients (whom one contact speaks for)."""
    mine = QuestionnaireResponse.patient_id.in_(patient_ids)
    query = select(QuestionnaireResponse).where(mine, _OPEN).order_by(*_OLDEST)
    return (await session.scalars(query)).all()


async def active(session: AsyncSession, conversation_id: UUID) -> QuestionnaireResponse | None:
    """The response that is being answered in a conversation now: the one touched last of those not put off."""
    query = (
        select(QuestionnaireResponse)
        .where(
            QuestionnaireResponse.conversation_id == conversation_id,
            _OPEN,
            QuestionnaireResponse.paused_at.is_(None),
        )
        .order_by(QuestionnaireResponse.updated_at.desc(), QuestionnaireResponse.id.desc())
        .limit(1)
    )
    return (await session.scalars(query)).first()


async def get(session: AsyncSession, response_id: UUID) -> QuestionnaireResponse | None:
    return await session.get(QuestionnaireResponse, response_id)


async def definition_of(session: AsyncSession, response: QuestionnaireResponse) -> Definition:
    """The version the response began with, whatever was published since. A published one never changes: it is read once a process."""
    known = _READ.get(response.questionnaire_id)
    if known is None:
        row = await session.get_one(Questionnaire, response.questionnaire_id)
        known = _READ[row.id] = read_definition(row.definition)
        if len(_READ) > MOST_READ:
            del _READ[next(iter(_READ))]
    return known


def is_open(response: QuestionnaireResponse) -> bool:
    return response.status == ResponseStatus.IN_PROGRESS


def pause(response: QuestionnaireResponse, *, now: datetime, until: datetime | None = None) -> bool:
    """Put off; `until`: when it is asked for again (None: by the usual reminders). False when it is not open."""
    if not is_open(response):
        return False
    response.paused_at, response.updated_at = now, now
    if until is not None:
        response.due_at = until
    return True


def resume(response: QuestionnaireResponse, *, now: datetime) -> bool:
    """Go on with what was put off. False when it is not open."""
    if not is_open(response):
        return False
    response.paused_at, response.updated_at = None, now
    return True


async def stop(
    session: AsyncSession, response: QuestionnaireResponse, *, now: datetime, reason: Reason = "left"
) -> bool:
    """No more questions; what was answered stays. False when it was not open. Emits `questionnaire.stopped`."""
    if not is_open(response):
        return False
    response.status, response.reason, response.updated_at = ResponseStatus.STOPPED, reason, now
    response.due_at = None
    response.revision += 1
    emit(session, response, "questionnaire.stopped", now, reason=reason)
    return True


async def expire(session: AsyncSession, response: QuestionnaireResponse, *, now: datetime) -> bool:
    """Its time is over. False when it was not open."""
    return await stop(session, response, now=now, reason="expired")


def result_of(response: QuestionnaireResponse) -> tuple[str, ...]:
    """What a patient may be told of a finished response: a sentence a band, none where the definition shows no result."""
    return tuple(str(one["says"]) for one in (response.scores or {}).values() if one.get("says"))


def emit(
    session: AsyncSession, response: QuestionnaireResponse, kind: str, now: datetime, **codes: Any
) -> None:
    """A patient event about the response: ids and codes only. None for who is not known."""
    if response.patient_id is not None:
        data = {"response_id": str(response.id), "questionnaire": response.name, **codes}
        events.emit(session, response.patient_id, kind, now, **data)
