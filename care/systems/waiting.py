"""Who waits for a system's word about a booking for long: told once that nobody has forgotten it (`actions/systems/waiting.py`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Status
from care.systems.models import OPEN, Direction, SystemMessage
from care.systems.outward import BOOK, MOVE
from care.systems.telling import BEFORE_START
from channels.outbox.dropping import drop
from channels.outbox.models import OutboundMessage

STILL_AFTER = timedelta(hours=1)
"""So long after it was asked for nobody who was promised an answer should wonder; ours."""


@dataclass(frozen=True, slots=True)
class Waits:
    """`replaces_id`: what it is moved from, which stands until the system has agreed."""

    appointment_id: UUID
    replaces_id: UUID | None


def key(appointment_id: UUID) -> str:
    """The word's own key: it is said once."""
    return f"system:still:{appointment_id}"


async def waiting(session: AsyncSession, now: datetime, limit: int) -> list[Waits]:
    """Who has waited `STILL_AFTER` and has not been told so, the longest first; without those whom people are about to call."""
    query = (
        select(Appointment.id, Appointment.replaces_id, SystemMessage.kind)
        .join(SystemMessage, SystemMessage.subject_id == Appointment.id)
        .where(
            SystemMessage.direction == Direction.OUT,
            SystemMessage.kind.in_((BOOK, MOVE)),
            SystemMessage.status.in_(OPEN),
            SystemMessage.created_at <= now - STILL_AFTER,
            Appointment.status == Status.PENDING,
            Appointment.start > now + BEFORE_START,
        )
        .order_by(SystemMessage.id)
    )
    found = [
        Waits(row.id, row.replaces_id if row.kind == MOVE else None) for row in await session.execute(query)
    ]
    keys = [key(one.appointment_id) for one in found]
    told = set(
        await session.scalars(select(OutboundMessage.dedup_key).where(OutboundMessage.dedup_key.in_(keys)))
    )
    return [one for one in found if key(one.appointment_id) not in told][:limit]


async def hush(session: AsyncSession, decided: Collection[UUID], now: datetime) -> None:
    """These are decided: a word that still waits for the morning does not leave."""
    if decided:
        theirs = OutboundMessage.dedup_key.in_([key(one) for one in decided])
        await drop(session, theirs, reason="system_answered", now=now)
