"""Where pictures are used: kept in step with the texts that show them. Nothing here commits."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.media.models import MediaAsset, MediaUse

PATH = "/media/"
"""Pictures are served at `/media/<id>` and named so in Markdown: `![words](/media/<id>)`."""
_NAMED = re.compile(r"/media/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)


def ids_in(text: str) -> set[UUID]:
    """The media ids a text names."""
    return {UUID(found) for found in _NAMED.findall(text)}


def first_in(text: str) -> UUID | None:
    """The first picture a text shows."""
    found = _NAMED.search(text)
    return UUID(found[1]) if found else None


async def keep(session: AsyncSession, owner: str, number: int, ids: Collection[UUID]) -> None:
    """From now on `owner` shows exactly `ids` in `number` (0: the draft); ids that are not in the library are passed over."""
    now_used = MediaUse.owner == owner, MediaUse.number == number
    before = set(await session.scalars(select(MediaUse.media_id).where(*now_used)))
    if gone := before - set(ids):
        await session.execute(delete(MediaUse).where(*now_used, MediaUse.media_id.in_(gone)))
    if fresh := set(ids) - before:
        there = await session.scalars(select(MediaAsset.id).where(MediaAsset.id.in_(fresh)))
        session.add_all(MediaUse(owner=owner, number=number, media_id=one) for one in there)
        await session.flush()


async def where_used(session: AsyncSession, media_id: UUID) -> Sequence[tuple[str, int]]:
    """(`article:<slug>`, revision number or 0 for the draft) of every place that shows it."""
    rows = await session.execute(
        select(MediaUse.owner, MediaUse.number)
        .where(MediaUse.media_id == media_id)
        .order_by(MediaUse.owner, MediaUse.number)
    )
    return [(owner, number) for owner, number in rows]
