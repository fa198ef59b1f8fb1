"""What the delivery worker needs to know from rooms above: may this leave now, and who takes what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage


@dataclass(frozen=True, slots=True)
class Verdict:
    """`send`; or not: `until` says when to ask again, otherwise the message is suppressed for `reason` (a short code)."""

    send: bool
    reason: str = ""
    until: datetime | None = None


class SendPolicy(Protocol):
    """The gate, asked for a whole batch at the moment of sending."""

    async def check(
        self, session: AsyncSession, batch: list[tuple[OutboundMessage, Contact]], now: datetime
    ) -> list[Verdict]: ...


class TroubleDesk(Protocol):
    """Where a message goes that a person must look at; called inside the transaction that records the outcome."""

    async def uncertain(
        self, session: AsyncSession, message: OutboundMessage, detail: str, now: datetime
    ) -> None: ...

    async def undeliverable(
        self, session: AsyncSession, message: OutboundMessage, reason: str, now: datetime
    ) -> None: ...
