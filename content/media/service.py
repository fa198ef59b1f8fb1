"""The media library: taking pictures in, finding, describing and removing them. Nothing here commits."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.errors import ArticleError, NotFound, say
from content.articles.rendering import Picture
from content.media import images, uses
from content.media.models import MediaAsset, MediaAtWeChat, MediaUse
from store import audit
from web.signin.models import StaffUser

SHOWN = 48
_SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True, slots=True)
class Described:
    """What an editor says of a picture; all are needed. `licence` is a code of `licences`."""

    alt: str
    source: str
    licence: str
    name: str = ""


class Shelf:
    """The files, below `folder`, named by what is in them. Written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, asset: MediaAsset) -> Path:
        return self._folder / asset.digest[:2] / f"{asset.digest}{_SUFFIX[asset.content_type]}"

    def put(self, asset: MediaAsset, content: bytes) -> None:
        """Raises `OSError` when the disk does not take it."""
        target = self.path(asset)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)

    def get(self, asset: MediaAsset) -> bytes:
        """Raises `FileNotFoundError`."""
        return self.path(asset).read_bytes()

    def discard(self, asset: MediaAsset) -> None:
        self.path(asset).unlink(missing_ok=True)


async def prepare(raw: bytes) -> images.Clean:
    """An upload drawn anew, off the event loop; call it with no session open. Raises `ArticleError` (Chinese) for what is no picture."""
    try:
        return await asyncio.to_thread(images.clean, raw)
    except images.NotAPicture as error:
        raise ArticleError(error.code, **error.values) from error


async def add(
    session: AsyncSession,
    shelf: Shelf,
    picture: images.Clean,
    described: Described,
    *,
    staff: StaffUser | None,
    now: datetime,
) -> MediaAsset:
    """Take a prepared picture in; the same one is kept once, and described anew. Raises `ArticleError` for a missing description."""
    _complete(described)
    digest = hashlib.sha256(picture.content).hexdigest()
    asset = await session.scalar(select(MediaAsset).where(MediaAsset.digest == digest))
    if asset is None:
        asset = MediaAsset(
            digest=digest,
            content_type=picture.content_type,
            size=len(picture.content),
            width=picture.width,
            height=picture.height,
            created_by=staff.id if staff is not None else None,
            created_at=now,
            alt="",
            source="",
            licence="",
            changed_at=now,
        )
        session.add(asset)
    _describe(asset, described, now)
    await asyncio.to_thread(shelf.put, asset, picture.content)
    await session.flush()
    _note(session, staff, "create", asset.id, now)
    return asset


async def describe(
    session: AsyncSession, media_id: UUID, described: Described, *, staff: StaffUser, now: datetime
) -> MediaAsset:
    """Change what is said of a picture. Raises `ArticleError`, `NotFound`."""
    _complete(described)
    asset = await get(session, media_id)
    _describe(asset, described, now)
    _note(session, staff, "update", media_id, now)
    await session.flush()
    return asset


async def remove(session: AsyncSession, media_id: UUID, *, staff: StaffUser, now: datetime) -> MediaAsset:
    """Take a picture out; its file may go once this is committed (`Shelf.discard`). Raises `ArticleError` while any revision or draft
    shows it."""
    asset = await get(session, media_id)
    used = await uses.where_used(session, media_id)
    if used:
        raise ArticleError("media_used", count=len({owner for owner, _ in used}))
    await session.execute(delete(MediaAtWeChat).where(MediaAtWeChat.media_id == media_id))
    await session.execute(delete(MediaAsset).where(MediaAsset.id == media_id))
    _note(session, staff, "delete", media_id, now)
    return asset


async def get(session: AsyncSession, media_id: UUID) -> MediaAsset:
    """Raises `NotFound`."""
    found = await session.get(MediaAsset, media_id)
    if found is None:
        raise NotFound("no_media")
    return found


async def listed(
    session: AsyncSession, words: str = "", *, unused: bool = False, page: int = 1, size: int = SHOWN
) -> tuple[Sequence[MediaAsset], int]:
    """A page of the library, newest first, and how many there are; `words` must be in name, alt text or source."""
    wanted = select(MediaAsset)
    if part := words.strip().lower():
        columns = (MediaAsset.name, MediaAsset.alt, MediaAsset.source)
        wanted = wanted.where(or_(*(func.lower(one).contains(part, autoescape=True) for one in columns)))
    if unused:
        wanted = wanted.where(~select(MediaUse.id).where(MediaUse.media_id == MediaAsset.id).exists())
    total = await session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = await session.scalars(
        wanted.order_by(MediaAsset.created_at.desc(), MediaAsset.id.desc())
        .limit(size)
        .offset((max(page, 1) - 1) * size)
    )
    return rows.all(), int(total)


async def pictures(session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, Picture]:
    """What rendering needs of these pictures, at our own addresses; those that are not there are left out."""
    if not ids:
        return {}
    rows = await session.scalars(select(MediaAsset).where(MediaAsset.id.in_(ids)))
    return {one.id: picture_of(one) for one in rows}


def picture_of(asset: MediaAsset, url: str = "") -> Picture:
    return Picture(
        url=url or f"{uses.PATH}{asset.id}",
        alt=asset.alt,
        width=asset.width,
        height=asset.height,
        source=asset.source,
    )


def _complete(described: Described) -> None:
    if not described.alt.strip():
        raise ArticleError("alt_needed")
    if not described.source.strip():
        raise ArticleError("source_needed")
    if described.licence not in say.known("licences"):
        raise ArticleError("license_needed")


def _describe(asset: MediaAsset, described: Described, now: datetime) -> None:
    asset.alt, asset.source = described.alt.strip()[:200], described.source.strip()[:200]
    asset.licence, asset.name, asset.changed_at = described.licence, described.name.strip()[:120], now


def _note(session: AsyncSession, staff: StaffUser | None, action: str, media_id: UUID, now: datetime) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id) if staff is not None else "system",
        action=action,
        subject=audit.subject_of("media", media_id),
        at=now,
    )
