"""What search and conversation may say of articles: the published ones as plain texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.doc import ArticleDoc, Audience
from content.articles.models import Article, ArticleRevision
from content.articles.plain import plain_of
from content.articles.rendering import source_line


@dataclass(frozen=True, slots=True)
class PublishedText:
    """One published article, for an index. `summary` is two sentences that may be said in chat; `sources` the line that goes with
    them; `questions` what patients ask that it answers; `plain` the general body without markup; `audience` whom it is for; `related`
    slugs."""

    article_id: UUID
    slug: str
    revision: int
    title: str
    summary: str
    questions: tuple[str, ...]
    plain: str
    topic: str
    stage: str
    conditions: tuple[str, ...]
    form: str
    sources: str
    ai_made: bool
    sample: bool
    audience: Audience
    related: tuple[str, ...]


Mark = tuple[str, int, int, date]


async def mark(session: AsyncSession, today: date) -> Mark:
    """Changes whenever `published_texts` would: an index asks for it every few seconds, and reads on only when it differs."""
    row = (
        await session.execute(
            select(func.max(Article.changed_at), func.count(), func.sum(Article.revisions)).where(
                Article.live_revision.is_not(None)
            )
        )
    ).one()
    return str(row[0]), int(row[1]), int(row[2] or 0), today


async def live(session: AsyncSession, today: date) -> dict[str, int]:
    """Slug and revision of what `published_texts` would read, without the texts."""
    rows = await session.execute(select(Article.slug, Article.live_revision).where(*_live(today)))
    return {slug: number for slug, number in rows if number is not None}


async def published_texts(
    session: AsyncSession,
    today: date,
    *,
    after: str = "",
    limit: int = 500,
    only: Collection[str] | None = None,
) -> Sequence[PublishedText]:
    """Published and not expired articles by slug, `limit` at a time; `after`: the last slug read. `today`: the hospital's day.

    `only`: these slugs alone.
    """
    some = [] if only is None else [Article.slug.in_(only)]
    rows = await session.execute(
        select(Article.id, Article.slug, ArticleRevision.number, ArticleRevision.doc)
        .join(
            ArticleRevision,
            and_(ArticleRevision.article_id == Article.id, ArticleRevision.number == Article.live_revision),
        )
        .where(Article.slug > after, *_live(today), *some)
        .order_by(Article.slug)
        .limit(limit)
    )
    return [
        text_of(article_id, slug, number, ArticleDoc.from_json(doc)) for article_id, slug, number, doc in rows
    ]


def _live(today: date) -> list[ColumnElement[bool]]:
    expires = Article.expires_on
    return [Article.live_revision.is_not(None), or_(expires.is_(None), expires > today)]


def text_of(article_id: UUID, slug: str, number: int, doc: ArticleDoc) -> PublishedText:
    """A text as an index sees it."""
    return PublishedText(
        article_id=article_id,
        slug=slug,
        revision=number,
        title=doc.title,
        summary=doc.summary,
        questions=doc.questions,
        plain=plain_of(doc.body),
        topic=doc.topic,
        stage=doc.stage,
        conditions=doc.conditions,
        form=doc.form,
        sources=source_line(doc) if doc.sources else "",
        ai_made=doc.ai_made,
        sample=doc.sample,
        audience=doc.audience,
        related=doc.related,
    )
