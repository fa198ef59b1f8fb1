"""What a campaign asks of others: a link of a person's own to a text, which `content.reading` makes and the server wires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link to one revision. `outbound_key` is the `dedup_key` of the message that carries it."""

    patient_id: UUID
    article_id: UUID
    revision: int
    topic: str
    outbound_key: str
    campaign_id: UUID
    arm: str


class Links(Protocol):
    async def issue(self, session: AsyncSession, wanted: Sequence[Wanted], now: datetime) -> list[str]:
        """Absolute addresses, in the same order; written in the caller's transaction."""
        ...
