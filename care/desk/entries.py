"""What people did with a conversation and wrote beside it: for staff only, never for the patient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import DeskEntry, EntryKind
from store.ids import new_id

NOTE_LONGEST = 1000


def enter(
    session: AsyncSession,
    conversation_id: UUID,
    kind: EntryKind,
    *,
    at: datetime,
    staff_id: UUID | None = None,
    to_staff: UUID | None = None,
    to_group: str | None = None,
    text: str | None = None,
) -> None:
    """Write a step down beside the conversation."""
    session.add(
        DeskEntry(
            id=new_id(),
            conversation_id=conversation_id,
            at=at,
            kind=kind,
            staff_id=staff_id,
            to_staff=to_staff,
            to_group=to_group,
            text=text,
        )
    )


async def of(session: AsyncSession, conversation_id: UUID, limit: int = 200) -> Sequence[DeskEntry]:
    """The newest entries of a conversation, the oldest of them first."""
    rows = await session.scalars(
        select(DeskEntry)
        .where(DeskEntry.conversation_id == conversation_id)
        .order_by(DeskEntry.at.desc(), DeskEntry.id.desc())
        .limit(limit)
    )
    return list(rows)[::-1]
