"""Messages the house puts into a conversation itself: what was heard in a voice, what was confirmed. Handled like any other."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from store.database import insert_new
from store.ids import new_id

_COLUMNS = (
    "id", "conversation_id", "contact_id", "seq", "channel", "account_id", "vendor_key", "kind", "event", "event_key",
    "option_ref", "text_sealed", "received_at", "status",
)  # fmt: skip


async def put(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    key: str,
    kind: Literal["text", "voice", "event"],
    now: datetime,
    text: str = "",
    event: str = "",
    event_key: str = "",
) -> bool:
    """Put a message of ours behind what waits in the conversation; False when `key` was put before. Changes no sending window."""
    conversation = await session.scalar(
        select(Conversation)
        .where(Conversation.id == conversation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if conversation is None:
        return False
    row = InboundMessage(
        id=new_id(),
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        seq=conversation.inbound_seq + 1,
        channel=conversation.channel,
        account_id=conversation.account_id,
        vendor_key=f"own:{key}",
        kind=kind,
        event=event,
        event_key=event_key[:128],
        option_ref="",
        text=text,
        received_at=now,
        status="received",
    )
    if not await insert_new(session, InboundMessage, {name: getattr(row, name) for name in _COLUMNS}):
        return False
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation.id)
        .values(inbound_seq=row.seq, due_at=now)
        .execution_options(synchronize_session=False)
    )
    return True


async def forget_key(session: AsyncSession, message: InboundMessage) -> None:
    """Blank the event's key once it has done its work: it was a secret (a binding token)."""
    await session.execute(
        update(InboundMessage)
        .where(InboundMessage.id == message.id)
        .values(event_key="")
        .execution_options(synchronize_session=False)
    )
