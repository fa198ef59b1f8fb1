"""Opening, finding and discarding media items. What happens to one is the worker's business."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.inbox.models import InboundMessage
from channels.media.models import MediaItem
from store.database import insert_new

KINDS = frozenset({"image", "voice", "video", "shortvideo"})
"""Message types that bring a MediaId; source: channels.md 1.1."""
_COLUMNS = (
    "id", "inbound_id", "contact_id", "account_id", "kind", "media_id", "state", "created_at", "due_at", "attempts",
)  # fmt: skip


async def open_item(session: AsyncSession, message: InboundMessage, now: datetime) -> MediaItem | None:
    """The item of an inbound medium, due for download at once; None when it brought none. Opening twice changes nothing."""
    raw: Any = message.raw
    media_id = str((raw or {}).get("MediaId") or "") if isinstance(raw, dict) else ""
    if message.kind != "media" or message.event not in KINDS or not media_id or len(media_id) > 512:
        return None
    item = MediaItem(
        inbound_id=message.id,
        contact_id=message.contact_id,
        account_id=message.account_id,
        kind=message.event,
        media_id=media_id,
        state="waiting",
        created_at=now,
        due_at=now,
        attempts=0,
    )
    if await insert_new(session, MediaItem, {name: getattr(item, name) for name in _COLUMNS}):
        return item
    return await of_message(session, message.id)


async def of_message(session: AsyncSession, inbound_id: UUID) -> MediaItem | None:
    found: MediaItem | None = await session.scalar(
        select(MediaItem).where(MediaItem.inbound_id == inbound_id)
    )
    return found


async def outlived(session: AsyncSession, now: datetime, limit: int = 100) -> Sequence[MediaItem]:
    """Kept files whose time is over."""
    return (
        await session.scalars(
            select(MediaItem).where(MediaItem.state == "fetched", MediaItem.discard_at <= now).limit(limit)
        )
    ).all()
