"""What is said to systems and by them, as rows: put once, settled once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.models import Direction, Said, SystemMessage
from store.database import insert_new

_COLUMNS = (
    "id", "system", "direction", "kind", "key", "subject_id", "patient_id", "body_sealed", "status", "reason", "asked", "attempts",
    "created_at", "due_at", "answer_sealed",
)  # fmt: skip


async def put(
    session: AsyncSession,
    *,
    system: str,
    direction: Direction,
    kind: str,
    key: str,
    body: Any,
    now: datetime,
    subject_id: UUID | None = None,
    patient_id: UUID | None = None,
    due_at: datetime | None = None,
) -> SystemMessage | None:
    """Write a message down; None: the key is there already. It is due at once unless `due_at` says when."""
    row = SystemMessage(
        system=system,
        direction=direction,
        kind=kind,
        key=key,
        subject_id=subject_id,
        patient_id=patient_id,
        body=body,
        status=Said.QUEUED,
        asked=0,
        attempts=0,
        created_at=now,
        due_at=due_at or now,
    )
    if not await insert_new(session, SystemMessage, {name: getattr(row, name) for name in _COLUMNS}):
        return None
    return await session.get(SystemMessage, row.id)


async def by_key(session: AsyncSession, system: str, direction: Direction, key: str) -> SystemMessage | None:
    found: SystemMessage | None = await session.scalar(
        select(SystemMessage)
        .where(SystemMessage.system == system, SystemMessage.direction == direction, SystemMessage.key == key)
        .execution_options(populate_existing=True)
    )
    return found


AT_ONCE = 50
"""What was said to us and waits is tried again by so many in one transaction."""


async def waiting_in(session: AsyncSession, system: str, kind: str, now: datetime) -> Sequence[SystemMessage]:
    """What a system has said of a kind and waits to be tried again, the longest due first; locked, without what others have in hand."""
    due = (
        select(SystemMessage)
        .where(
            SystemMessage.system == system,
            SystemMessage.direction == Direction.IN,
            SystemMessage.kind == kind,
            SystemMessage.status == Said.QUEUED,
            SystemMessage.due_at <= now,
        )
        .order_by(SystemMessage.due_at, SystemMessage.id)
        .limit(AT_ONCE)
    )
    return (await session.scalars(due.with_for_update(skip_locked=True))).all()


async def by_hand(
    session: AsyncSession, message_id: UUID, status: Said, *which: Any, staff_id: UUID, now: datetime
) -> SystemMessage | None:
    """A person has settled it: nobody tries any more. None: it is not (or no longer) one of `which`."""
    taken = await session.scalar(
        update(SystemMessage)
        .where(SystemMessage.id == message_id, *which)
        .values(
            status=status,
            reason="by_hand",
            due_at=None,
            dead_reason=None,
            lease_token=None,
            lease_until=None,
            settled_at=now,
            settled_by=staff_id,
        )
        .returning(SystemMessage.id)
        .execution_options(synchronize_session=False)
    )
    return None if taken is None else await session.get_one(SystemMessage, taken, populate_existing=True)
