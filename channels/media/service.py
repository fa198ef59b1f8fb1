"""Opening, finding and discarding media items. What happens to one is the worker's business."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
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


async def forget(session: AsyncSession, contact_id: UUID, now: datetime) -> None:
    """Nothing of this contact's media is kept: what was said in them goes at once, files and rows at the worker's next look.

    Whoever is fetching one now has lost the lease, and takes the file away again."""
    await session.execute(
        update(MediaItem)
        .where(MediaItem.contact_id == contact_id)
        .values(
            state="forgotten",
            transcript_sealed=None,
            media_id="",
            reason=None,
            due_at=None,
            discard_at=now,
            lease_token=None,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )


async def outlived(session: AsyncSession, now: datetime, limit: int = 100) -> Sequence[MediaItem]:
    """Kept files whose time is over, and whatever is left of those who are gone."""
    ends = MediaItem.state.in_(("fetched", "forgotten"))
    return (
        await session.scalars(select(MediaItem).where(ends, MediaItem.discard_at <= now).limit(limit))
    ).all()
