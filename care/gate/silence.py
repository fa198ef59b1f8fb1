"""A person's wish for silence, and letting go what was held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.reasons import Reason
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage


async def mute(session: AsyncSession, contact_id: UUID, until: datetime | None, *, now: datetime) -> None:
    """Push nothing to the contact until then (aware); None ends the silence, and what it held is looked at again at once."""
    await session.execute(update(Contact).where(Contact.id == contact_id).values(muted_until=until))
    if until is None or until <= now:
        await let_go(session, contact_id, [Reason.MUTED], now=now)


async def let_go(session: AsyncSession, contact_id: UUID, reasons: Sequence[Reason], *, now: datetime) -> int:
    """Have the gate look again, now, at what it holds for one of `reasons` (the holder has answered, the mute was lifted).

    Returns how many."""
    gone = await session.execute(
        update(OutboundMessage)
        .where(
            OutboundMessage.contact_id == contact_id,
            OutboundMessage.status == "queued",
            OutboundMessage.due_at > now,
            OutboundMessage.reason.in_([str(reason) for reason in reasons]),
        )
        .values(due_at=now)
        .returning(OutboundMessage.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
