"""What a patient hears after a reading that rang: by the contact that is theirs, else the first that speaks for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.watching import Raised
from care.reach import talks
from channels.outbox import service as outbox
from channels.reply import Reply

FIRST = -1
"""A priority below zero passes quiet hours and caps: an emergency does not wait for the morning (care/gate/case.py)."""


async def tell(session: AsyncSession, patient_id: UUID, raised: tuple[Raised, ...], now: datetime) -> int:
    """Queue each wording once; how many were."""
    # One that is not in use, too: an emergency goes on from there (care/gate/ways.py).
    conversation = await talks.the_first(session, talks.in_order(), patient_id) if raised else None
    if conversation is None:
        return 0
    queued = 0
    for one in raised:
        priority = FIRST if one.severity == "emergency" else outbox.CONVERSATION_PRIORITY
        message = await outbox.enqueue(
            session,
            conversation,
            Reply(one.says, dict(one.params)),
            dedup_key=f"observation:{one.alert_id}",
            purpose="service_notice",
            now=now,
            priority=priority,
            patient_id=patient_id,
        )
        queued += message is not None
    return queued
