"""What a person decides about a message nobody knows the fate of, or that failed for good."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import letters
from channels.outbox.models import OutboundMessage
from store import audit

How = Literal["again", "phoned", "dropped"]


async def settle(
    session: AsyncSession, message_id: UUID, how: How, staff_id: UUID, now: datetime
) -> OutboundMessage | None:
    """Send it again, or note that somebody rang up, or that it is not worth sending any more.

    None when it is not (or no longer) up to a person: two people pressing at once decide once.
    """
    if how == "again":
        if not await letters.redrive(session, [message_id], by=staff_id, now=now):
            return None
    elif not await _close(session, message_id, how, now):
        return None
    else:
        actor = audit.subject_of("staff", staff_id)
        subject = audit.subject_of("outbound", message_id)
        audit.record(session, actor=actor, action=f"delivery_{how}", subject=subject, at=now)
    return await session.get(OutboundMessage, message_id, populate_existing=True)


async def _close(session: AsyncSession, message_id: UUID, how: str, now: datetime) -> bool:
    """Nobody sends it any more; False when it is not (or no longer) open."""
    done = await session.scalar(
        update(OutboundMessage)
        .where(OutboundMessage.id == message_id, OutboundMessage.status.in_(letters.DEAD))
        .values(status="suppressed", due_at=None, reason=how, finished_at=now)
        .returning(OutboundMessage.id)
        .execution_options(synchronize_session=False)
    )
    return done is not None
