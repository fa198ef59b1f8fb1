"""What the gate asks of others beside `channels.outbox.ports.Notices`: which words are approved, and who asks a phone's holder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.reasons import Reason
from channels.reply import Reply

ContentRef = tuple[str, int | None]
"""`content_ref` and `content_revision` of a message."""
Piece = tuple[UUID, str]
"""A patient, and the `content_ref` of what was to be sent to them."""


class SmsWords(Protocol):
    """The approved SMS templates."""

    def can_say(self, account_id: str, reply: Reply) -> bool:
        """Whether an approved template of this account carries `reply` itself (the "请致电" one does not count)."""
        ...


class HolderQuestion(Protocol):
    """Asks a phone number once who answers it (1 本人 2 家属 3 打错了). What the gate holds meanwhile waits."""

    async def ask(self, session: AsyncSession, contact_ids: Sequence[UUID], now: datetime) -> None:
        """Called in the claim's transaction, each time something is held for these numbers: asking twice is the callee's to avoid."""
        ...


class Contents(Protocol):
    """Who keeps the texts messages carry, and knows which of them may still go out."""

    async def refused(
        self, session: AsyncSession, refs: Collection[ContentRef]
    ) -> Mapping[ContentRef, Reason]:
        """Those of `refs` that must not be sent now (unsigned, expired, recalled), each with its reason."""
        ...


class Stops(Protocol):
    """Who keeps which topics people want nothing more of."""

    async def stopped(self, session: AsyncSession, pieces: Collection[Piece]) -> Collection[Piece]:
        """Those of `pieces` that are of a topic the patient stopped."""
        ...
