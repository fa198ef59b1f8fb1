"""What became of one message at the gate, for the operators' page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.reasons import words
from channels.outbox.models import DeliveryAttempt


@dataclass(frozen=True, slots=True)
class Explained:
    """One stored verdict: `verdict` as in `DeliveryAttempt`, `reason` the gate's code ("" when none was kept), `sentence` in
    Chinese ("" likewise)."""

    n: int
    at: datetime
    verdict: str
    rung: str
    reason: str
    sentence: str


async def explain(session: AsyncSession, message_id: UUID) -> list[Explained]:
    """Every decision about the message, the oldest first."""
    rows = await session.scalars(
        select(DeliveryAttempt).where(DeliveryAttempt.outbound_id == message_id).order_by(DeliveryAttempt.n)
    )
    return [
        Explained(
            row.n, row.started_at, row.verdict, row.rung, row.gate or "", words(row.gate) if row.gate else ""
        )
        for row in rows
    ]
