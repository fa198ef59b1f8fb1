"""What editors do to entries: write, publish, withdraw, add ways of asking, merge. Each change is a revision; search follows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.models import FaqEntry
from content.faq.rules import FIELDS
from language.normalise import fold
from store.ids import new_id

SHOWN = 100
STATES = ("published", "draft", "withdrawn")


async def get(session: AsyncSession, slug: str) -> FaqEntry | None:
    return await session.scalar(select(FaqEntry).where(FaqEntry.slug == slug))


async def listed(
    session: AsyncSession, state: str = "published", category: str = "", words: str = ""
) -> list[FaqEntry]:
    """Entries of a state by category and question; `words` must be in one of its texts. At most `SHOWN`."""
    wanted = select(FaqEntry).where(FaqEntry.status == state).order_by(FaqEntry.category, FaqEntry.question)
    if category:
        wanted = wanted.where(FaqEntry.category == category)
    key = fold(words)
    if not key:
        return list(await session.scalars(wanted.limit(SHOWN)))
    return [
        one
        for one in await session.scalars(wanted)
        if any(
            key in fold(text) for text in (one.question, one.answer, one.slug, *one.similar, *one.keywords)
        )
    ][:SHOWN]


async def listed_by_slugs(session: AsyncSession, slugs: Collection[str]) -> list[FaqEntry]:
    """Those of `slugs` that are published."""
    wanted = select(FaqEntry).where(FaqEntry.slug.in_(slugs), FaqEntry.status == "published")
    return list(await session.scalars(wanted))


async def counts(session: AsyncSession) -> dict[str, int]:
    """How many entries are in each state."""
    rows = await session.execute(select(FaqEntry.status, func.count()).group_by(FaqEntry.status))
    found = {str(state): int(number) for state, number in rows}
    return {state: found.get(state, 0) for state in STATES}


async def categories(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(FaqEntry.category).distinct().order_by(FaqEntry.category)))


async def save(
    session: AsyncSession, values: Mapping[str, Any], *, now: datetime, status: str, slug: str = ""
) -> FaqEntry | None:
    """Write `FIELDS` of `values` to the entry `slug`, or to a new one; None when there is no such entry."""
    entry = await get(session, slug) if slug else None
    if entry is None and slug:
        return None
    kept = {name: values[name] for name in FIELDS}
    if entry is None:
        entry = FaqEntry(slug=f"q-{new_id().hex[-10:]}", status=status, revision=1, changed_at=now, **kept)
        session.add(entry)
    elif entry.status != status or any(getattr(entry, name) != value for name, value in kept.items()):
        for name, value in kept.items():
            setattr(entry, name, value)
        entry.status = status
        _changed(entry, now)
    await session.flush()
    return entry


async def set_status(session: AsyncSession, slug: str, status: str, now: datetime) -> FaqEntry | None:
    """Publish or withdraw; None when there is no such entry."""
    entry = await get(session, slug)
    if entry is not None and entry.status != status:
        entry.status = status
        _changed(entry, now)
    return entry


async def add_similar(
    session: AsyncSession, slug: str, texts: Iterable[str], now: datetime
) -> Sequence[str] | None:
    """Teach an entry more ways of asking; those it did not know yet. None when there is no such entry."""
    entry = await get(session, slug)
    if entry is None:
        return None
    known = {fold(text) for text in (entry.question, *entry.similar)}
    fresh: list[str] = []
    for text in texts:
        if fold(text) not in known:
            known.add(fold(text))
            fresh.append(text)
    if fresh:
        entry.similar = [*entry.similar, *fresh]
        _changed(entry, now)
    return fresh


async def merge(session: AsyncSession, keep: str, drop: str, now: datetime) -> bool:
    """`keep` learns the ways of asking of `drop`, which is withdrawn; False when one of them is not there."""
    gone = await get(session, drop)
    if gone is None or keep == drop:
        return False
    if await add_similar(session, keep, [gone.question, *gone.similar], now) is None:
        return False
    gone.status = "withdrawn"
    _changed(gone, now)
    return True


def _changed(entry: FaqEntry, now: datetime) -> None:
    entry.revision += 1
    entry.changed_at = now
