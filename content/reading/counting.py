"""What the page's own script tells of a look: kept by name for who agreed to it, else as a number. Nothing here commits."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from content.articles.models import Article, ArticleRevision
from content.reading import consents
from content.reading.models import ArticleLink, ArticleRead, ArticleTally
from store.database import insert_new
from store.ids import new_id

VIEW = re.compile(r"[0-9a-f]{16,32}")
LONGEST = 3600
"""Seconds of one look that are believed: a phone left lying with the page open is no reader."""
VIEWS_MOST = 200
"""Looks of one link that are kept."""
SHOWN = ("published", "superseded", "recalled")
"""States of a revision that was, or is, on a page."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A revision that was looked at. `related`: it was reached from the link's own article."""

    article_id: UUID
    revision_id: UUID
    revision: int
    topic: str
    related: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One page being open: `view` names it, `dwell` are all its seconds in sight so far, `end`: the end was reached."""

    view: str
    dwell: int
    end: bool


def look_of(raw: Any) -> Look | None:
    """A beacon's body; None for what our script does not send."""
    if not isinstance(raw, dict):
        return None
    view, dwell, end = raw.get("view"), raw.get("dwell"), raw.get("end")
    if not isinstance(view, str) or VIEW.fullmatch(view) is None or not isinstance(end, bool):
        return None
    if isinstance(dwell, bool) or not isinstance(dwell, int) or dwell < 0:
        return None
    return Look(view, min(dwell, LONGEST), end)


async def piece(session: AsyncSession, link: ArticleLink, slug: str, revision: int) -> Piece | None:
    """The revision that was on the page (`slug` empty: the link's article); None when there never was such a page."""
    if not 0 < revision < 1 << 31 or len(slug) > 100 or "\0" in slug:
        return None
    which = Article.slug == slug if slug else Article.id == link.article_id
    row = (
        await session.execute(
            select(Article.id, ArticleRevision.id, Article.topic)
            .join(ArticleRevision, ArticleRevision.article_id == Article.id)
            .where(which, ArticleRevision.number == revision, ArticleRevision.state.in_(SHOWN))
        )
    ).first()
    if row is None:
        return None
    return Piece(row[0], row[1], revision, row[2], row[0] != link.article_id)


async def seen(
    session: AsyncSession,
    link: ArticleLink,
    read: Piece,
    look: Look,
    now: datetime,
    day: date,
    first: Callable[[str], Awaitable[bool]],
) -> None:
    """Count a look, however often it is told. `day` is the hospital's; `first` knows anonymous looks that were counted."""
    if await consents.agreed(session, link.patient_id, Purpose.TRACKING):
        await _keep(session, link, read, look, now)
        return
    opened = await first(f"open:{look.view}")
    finished = look.end and await first(f"end:{look.view}")
    if opened or finished:
        await _tally(session, link, read, day, int(opened), int(finished))


async def _keep(session: AsyncSession, link: ArticleLink, read: Piece, look: Look, now: datetime) -> None:
    mine = (ArticleRead.link_id == link.id, ArticleRead.view == look.view)
    if await session.scalar(select(ArticleRead.id).where(*mine)) is None:
        if await _views(session, link) >= VIEWS_MOST:
            return
        await insert_new(session, ArticleRead, row_of(link, read, look.view, now))
    ended = func.coalesce(ArticleRead.finished_at, now) if look.end else ArticleRead.finished_at
    longer = case((ArticleRead.dwell < look.dwell, look.dwell), else_=ArticleRead.dwell)
    await session.execute(
        update(ArticleRead)
        .where(*mine)
        .values(dwell=longer, finished_at=ended)
        .execution_options(synchronize_session=False)
    )


def row_of(link: ArticleLink, read: Piece, view: str, now: datetime) -> dict[str, Any]:
    """The columns of a new `ArticleRead`."""
    return {
        "id": new_id(),
        "patient_id": link.patient_id,
        "article_id": read.article_id,
        "revision_id": read.revision_id,
        "topic": read.topic,
        "opened_at": now,
        "dwell": 0,
        "source": "related" if read.related else link.source,
        "link_id": link.id,
        "view": view,
        "campaign_id": link.campaign_id,
        "arm": link.arm,
    }


async def _views(session: AsyncSession, link: ArticleLink) -> int:
    counted = select(func.count()).select_from(ArticleRead).where(ArticleRead.link_id == link.id)
    return await session.scalar(counted) or 0


async def _tally(
    session: AsyncSession, link: ArticleLink, read: Piece, day: date, opened: int, finished: int
) -> None:
    key = {
        "article_id": read.article_id,
        "revision": read.revision,
        "day": day,
        "campaign": str(link.campaign_id or ""),
        "arm": link.arm,
    }
    await insert_new(session, ArticleTally, {**key, "opened": 0, "finished": 0})
    await session.execute(
        update(ArticleTally)
        .filter_by(**key)
        .values(opened=ArticleTally.opened + opened, finished=ArticleTally.finished + finished)
        .execution_options(synchronize_session=False)
    )
