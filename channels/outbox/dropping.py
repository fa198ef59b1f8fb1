"""Dropping what waits in the outbox, with the questions it would have asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion

_QUIET = {"synchronize_session": False}


async def drop(session: AsyncSession, which: ColumnElement[bool], *, reason: str, now: datetime) -> int:
    """Of the queued messages `which` holds of, none leaves any more; how many. What is in a vendor's hands is beyond recall."""
    stopped = await session.execute(
        update(OutboundMessage)
        .where(which, OutboundMessage.status == "queued")
        .values(status="suppressed", reason=reason[:200], finished_at=now, due_at=None)
        .returning(OutboundMessage.question_id)
        .execution_options(**_QUIET)
    )
    rows = stopped.all()
    questions = [row[0] for row in rows if row[0] is not None]
    if questions:
        await session.execute(
            update(OpenQuestion)
            .where(OpenQuestion.id.in_(questions), OpenQuestion.status.in_(("waiting", "open")))
            .values(status="superseded", closed_at=now)
            .execution_options(**_QUIET)
        )
    return len(rows)
