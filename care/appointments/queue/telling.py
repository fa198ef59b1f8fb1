"""What somebody in a queue is told, each once: nearly their turn, called, called in vain. What is no longer so does not leave.

The words and where they go first: `actions/appointments/calling.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.queue.models import QueueTicket, TicketState
from channels.outbox.dropping import drop
from channels.outbox.models import OutboundMessage


class Word(StrEnum):
    """What is told."""

    SOON = "soon"
    CALLED = "called"
    PASSED = "passed"


def key(word: Word, appointment_id: UUID) -> str:
    """The message's own key: nobody is told the same twice, however often they are called."""
    return f"queue:{word}:{appointment_id}"


async def near(session: AsyncSession, ticket: QueueTicket, ahead: int) -> Sequence[tuple[QueueTicket, int]]:
    """Who waits in the line of `ticket` with at most `ahead` others before them, and how many; without who has been told."""
    query = (
        select(QueueTicket)
        .where(
            QueueTicket.practitioner_id == ticket.practitioner_id,
            QueueTicket.day == ticket.day,
            QueueTicket.part == ticket.part,
            QueueTicket.state == TicketState.WAITING,
        )
        .order_by(QueueTicket.order_at, QueueTicket.number)
        .limit(ahead + 1)
        .execution_options(populate_existing=True)
    )
    rows = (await session.scalars(query)).all()
    told = await heard(session, Word.SOON, [one.appointment_id for one in rows])
    return [(one, before) for before, one in enumerate(rows) if one.appointment_id not in told]


async def heard(
    session: AsyncSession, word: Word, appointment_ids: Collection[UUID]
) -> dict[UUID, OutboundMessage]:
    """Of these, who is told or about to be."""
    keys = {key(word, one): one for one in appointment_ids}
    rows = await session.scalars(select(OutboundMessage).where(OutboundMessage.dedup_key.in_(keys)))
    return {keys[row.dedup_key]: row for row in rows}


async def hush(session: AsyncSession, appointment_id: UUID, *words: Word, now: datetime) -> None:
    """It is no longer so: what has not left yet does not leave."""
    keys = [key(word, appointment_id) for word in words]
    await drop(session, OutboundMessage.dedup_key.in_(keys), reason="queue_moved_on", now=now)
