"""有帮助吗: yes or no, and what was missing. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.rows import add_new
from content.reading import consents
from content.reading.counting import Piece, row_of
from content.reading.models import ArticleFeedback, ArticleLink, ArticleRead
from store import crypto
from store.database import insert_new
from store.ids import new_id

WORD_MOST = 500
"""Characters of what somebody misses that are kept."""
KIND = "article_feedback"


async def said(session: AsyncSession, token: str, read: Piece) -> ArticleFeedback | None:
    """What was answered through this link for this revision."""
    return (
        await session.scalars(
            select(ArticleFeedback).where(
                ArticleFeedback.mark.in_(crypto.lookups(token, KIND)),
                ArticleFeedback.article_id == read.article_id,
                ArticleFeedback.revision == read.revision,
            )
        )
    ).first()


async def answer(
    session: AsyncSession,
    token: str,
    link: ArticleLink,
    read: Piece,
    helpful: bool,
    word: str,
    now: datetime,
) -> None:
    """Keep the answer, or change it. `word` belongs to a no; a yes takes it back."""
    given = word.strip()[:WORD_MOST] if not helpful else ""
    known = await said(session, token, read)
    if known is None:
        row = ArticleFeedback(
            mark=crypto.lookup(token, KIND),
            article_id=read.article_id,
            revision=read.revision,
            helpful=helpful,
            word=given or None,
            at=now,
        )
        if not await add_new(session, row):
            known = await said(session, token, read)
    if known is not None:
        known.helpful, known.at = helpful, now
        if helpful:
            known.word_sealed = None
        elif given:
            known.word = given
    if await consents.agreed(session, link.patient_id, Purpose.TRACKING):
        await _by_name(session, link, read, helpful, now)


async def _by_name(
    session: AsyncSession, link: ArticleLink, read: Piece, helpful: bool, now: datetime
) -> None:
    """On the newest look at this revision. Who answers has looked, though their browser ran no script."""
    mine = (ArticleRead.link_id == link.id, ArticleRead.revision_id == read.revision_id)
    newest = await session.scalar(
        select(ArticleRead.id)
        .where(*mine)
        .order_by(ArticleRead.opened_at.desc(), ArticleRead.id.desc())
        .limit(1)
    )
    if newest is None:
        values = {**row_of(link, read, new_id().hex, now), "helpful": helpful}
        await insert_new(session, ArticleRead, values)
        return
    for where, value in ((ArticleRead.id != newest, None), (ArticleRead.id == newest, helpful)):
        await session.execute(
            update(ArticleRead)
            .where(*mine, where)
            .values(helpful=value)
            .execution_options(synchronize_session=False)
        )
