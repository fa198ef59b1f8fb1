"""Whether who opens a response's page may: the contact signed in in WeChat, or the last four of the patient's identity number.

Links are forwarded and codes overheard; before this nothing personal is shown, not even what the questions are about.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.due import soon
from care.desk.models import TaskKind
from care.patients import identity
from care.patients import service as patients
from care.questionnaires.entrance.models import ResponseDoor
from care.questionnaires.models import QuestionnaireResponse
from care.rows import add_new
from store import audit

MAX_TRIES = 5
"""Of one response, by whatever link or code: 1 in 2,000 of guessing the four digits."""


@dataclass(frozen=True, slots=True)
class Right:
    """They may."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not the four. `left` tries remain (at least one)."""

    left: int


@dataclass(frozen=True, slots=True)
class Locked:
    """No more tries; the desk knows."""


async def may_enter(session: AsyncSession, response: QuestionnaireResponse, contact_id: UUID) -> bool:
    """Whether the contact was asked, or speaks for the patient."""
    if response.contact_id == contact_id:
        return True
    linked = await patients.patients_of_contact(session, contact_id)
    return any(one.patient.id == response.patient_id for one in linked)


async def can_prove(session: AsyncSession, response: QuestionnaireResponse) -> bool:
    """Whether there is an identity number to ask for."""
    patient = await patients.get(session, response.patient_id) if response.patient_id else None
    return patient is not None and patient.id_last4_hash is not None


async def is_locked(session: AsyncSession, response_id: UUID) -> bool:
    door = await session.get(ResponseDoor, response_id)
    return door is not None and door.locked_at is not None


async def try_last4(
    session: AsyncSession, response: QuestionnaireResponse, last4: str, now: datetime
) -> Right | Wrong | Locked:
    """Compare. The try is counted before, so that parallel guesses count too; the last wrong one opens a task at the desk."""
    await add_new(session, ResponseDoor(response_id=response.id, tries=0))
    counted = await session.execute(
        update(ResponseDoor)
        .where(
            ResponseDoor.response_id == response.id,
            ResponseDoor.locked_at.is_(None),
            ResponseDoor.tries < MAX_TRIES,
        )
        .values(tries=ResponseDoor.tries + 1)
        .returning(ResponseDoor.tries)
        .execution_options(synchronize_session=False)
    )
    tries = counted.scalar()
    if tries is None:
        return Locked()
    patient = await patients.get(session, response.patient_id) if response.patient_id else None
    known = patient.id_last4_hash if patient is not None else None
    given = identity.id_last4_hash(last4)
    if known is not None and hmac.compare_digest(known, given):
        await open_again(session, response.id)
        return Right()
    if tries < MAX_TRIES:
        return Wrong(MAX_TRIES - tries)
    await _lock(session, response, now)
    return Locked()


async def _lock(session: AsyncSession, response: QuestionnaireResponse, now: datetime) -> None:
    await session.execute(
        update(ResponseDoor)
        .where(ResponseDoor.response_id == response.id)
        .values(locked_at=now)
        .execution_options(synchronize_session=False)
    )
    await desk.open_task(
        session,
        TaskKind.CALL,
        dedup_key=f"door:{response.id}:{now:%Y%m%d%H%M%S}",
        now=now,
        due_at=soon(TaskKind.CALL, now),
        patient_id=response.patient_id,
        contact_id=response.contact_id,
    )
    subject = audit.subject_of("questionnaire_response", response.id)
    audit.record(session, actor="system", action="questionnaire.locked", subject=subject, at=now)


async def open_again(session: AsyncSession, response_id: UUID) -> None:
    """Tries count from the beginning: they were right, or a nurse has spoken with them."""
    await session.execute(delete(ResponseDoor).where(ResponseDoor.response_id == response_id))
