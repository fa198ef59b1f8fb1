"""Calls taken and left lying: back for everybody, so that a colleague who went home keeps nobody from being rung."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.followup import service
from care.followup.models import CallStatus, FollowUpCall, FollowUpStep, StepKind
from care.questionnaires.models import QuestionnaireResponse

TAKEN, PASSED = timedelta(hours=2), timedelta(hours=24)
"""So long nothing may happen with a call somebody took, or was handed; ours."""
IDLE = "idle"
"""The note of the step, a code of `followup_words.yml`."""


async def any_idle(session: AsyncSession, now: datetime) -> bool:
    return (await session.scalars(_idle(now).limit(1))).first() is not None


async def release(session: AsyncSession, now: datetime) -> int:
    """Put them back; how many. Who is still filling in the questionnaire keeps theirs."""
    calls = (await session.scalars(_idle(now).with_for_update(skip_locked=True))).all()
    for call in calls:
        call.status, call.owner_id = CallStatus.OPEN, None
        service.step(session, call.id, StepKind.BACK, now, note=IDLE)
    return len(calls)


def _idle(now: datetime) -> Select[Any]:
    mine = FollowUpStep.call_id == FollowUpCall.id
    last = select(func.max(FollowUpStep.at)).where(mine).scalar_subquery()
    handed = exists().where(mine, FollowUpStep.kind == StepKind.PASSED, FollowUpStep.at > now - PASSED)
    filling = exists().where(
        QuestionnaireResponse.id == FollowUpCall.response_id, QuestionnaireResponse.updated_at > now - TAKEN
    )
    return (
        select(FollowUpCall)
        .where(FollowUpCall.status == CallStatus.TAKEN, FollowUpCall.undo_until.is_(None))
        .where(or_(last.is_(None), last < now - TAKEN), ~handed, ~filling)
        .order_by(FollowUpCall.id)
    )
