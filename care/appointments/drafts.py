"""The durable state of a booking dialogue."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import BookingDraft
from care.appointments.service import release_conversation
from care.rows import add_new


async def load(session: AsyncSession, conversation_id: UUID) -> BookingDraft | None:
    """The conversation's draft, or None when none is under way."""
    query = select(BookingDraft).where(BookingDraft.conversation_id == conversation_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def open_draft(
    session: AsyncSession, conversation_id: UUID, *, now: datetime, contact_id: UUID | None = None
) -> BookingDraft:
    """The conversation's draft, made when there is none. Change its fields; the session writes them."""
    draft = await load(session, conversation_id)
    if draft is None:
        new = BookingDraft(conversation_id=conversation_id, contact_id=contact_id, updated_at=now)
        await add_new(session, new)
        draft = await load(session, conversation_id)
    if draft is None:
        raise LookupError("the booking draft was deleted while it was being opened")
    draft.updated_at = now
    return draft


async def discard(session: AsyncSession, conversation_id: UUID) -> bool:
    """End the dialogue: the draft goes, and what it held is given back. False when there was none."""
    await release_conversation(session, conversation_id)
    draft = await load(session, conversation_id)
    if draft is None:
        return False
    await session.delete(draft)
    await session.flush()
    return True
