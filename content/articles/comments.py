"""What colleagues say about an article, kept sealed. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import service
from content.articles.errors import NotFound
from content.articles.models import Article, ArticleComment
from web.signin.models import StaffUser


async def add(
    session: AsyncSession,
    article: Article,
    text: str,
    *,
    staff: StaffUser,
    now: datetime,
    quote: str = "",
    number: int | None = None,
    answers: UUID | None = None,
) -> ArticleComment:
    """`quote`: the passage meant; `number`: the revision (none: the draft); `answers`: the comment replied to."""
    comment = ArticleComment(
        article_id=article.id,
        number=number,
        answers=answers,
        quote=quote.strip()[:300],
        text=text.strip()[:2000],
        staff_id=staff.id,
        at=now,
    )
    session.add(comment)
    service.note(session, staff, "comment", article.slug, now, comment=str(comment.id))
    await session.flush()
    return comment


async def listed(
    session: AsyncSession, article_id: UUID, *, open_only: bool = False
) -> Sequence[ArticleComment]:
    """Oldest first; answers have `answers` set."""
    wanted = select(ArticleComment).where(ArticleComment.article_id == article_id).order_by(ArticleComment.id)
    if open_only:
        wanted = wanted.where(ArticleComment.resolved_at.is_(None))
    return (await session.scalars(wanted)).all()


async def settle(
    session: AsyncSession,
    article: Article,
    comment_id: UUID,
    *,
    staff: StaffUser,
    now: datetime,
    done: bool = True,
) -> ArticleComment:
    """Mark as dealt with, or open again (`done` False). Raises `NotFound`."""
    comment = await session.get(ArticleComment, comment_id)
    if comment is None or comment.article_id != article.id:
        raise NotFound("no_comment")
    comment.resolved_at, comment.resolved_by = (now, staff.id) if done else (None, None)
    await session.flush()
    return comment


async def open_count(session: AsyncSession, article_id: UUID) -> int:
    found = await session.scalar(
        select(func.count()).where(
            ArticleComment.article_id == article_id, ArticleComment.resolved_at.is_(None)
        )
    )
    return int(found or 0)
