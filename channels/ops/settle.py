"""What a person decides about a message nobody knows the fate of, or that failed for good."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from store import audit

How = Literal["again", "phoned", "dropped"]
OPEN = ("uncertain", "failed")


async def settle(
    session: AsyncSession, message_id: UUID, how: How, staff_id: UUID, now: datetime
) -> OutboundMessage | None:
    """Send it again, or note that somebody rang up, or that it is not worth sending any more.

    None when it is not (or no longer) up to a person: two people pressing at once decide once.
    """
    outcomes: dict[str, dict[str, object]] = {
        "again": {"status": "queued", "due_at": now, "attempts": 0, "reason": None, "finished_at": None},
        "phoned": {"status": "failed", "due_at": None, "reason": "phoned", "finished_at": now},
        "dropped": {"status": "suppressed", "due_at": None, "reason": "dropped", "finished_at": now},
    }
    done = await session.scalar(
        update(OutboundMessage)
        .where(OutboundMessage.id == message_id, OutboundMessage.status.in_(OPEN))
        .where((OutboundMessage.reason.is_(None)) | (OutboundMessage.reason != "phoned"))
        .values(**outcomes[how])
        .returning(OutboundMessage.id)
    )
    if done is None:
        return None
    actor = audit.subject_of("staff", staff_id)
    subject = audit.subject_of("outbound", message_id)
    audit.record(session, actor=actor, action=f"delivery_{how}", subject=subject, at=now)
    return await session.get(OutboundMessage, message_id, populate_existing=True)
