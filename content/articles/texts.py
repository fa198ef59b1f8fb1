"""What search and conversation may say of articles: the published ones as plain texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.doc import ArticleDoc
from content.articles.models import Article, ArticleRevision
from content.articles.plain import plain_of
from content.articles.rendering import source_line


@dataclass(frozen=True, slots=True)
class PublishedText:
    """One published article, for an index. `summary` is two sentences that may be said in chat; `sources` the line that goes with
    them; `questions` what patients ask that it answers; `plain` the general body without markup."""

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


async def published_texts(
    session: AsyncSession, today: date, *, after: str = "", limit: int = 500
) -> Sequence[PublishedText]:
    """Published and not expired articles by slug, `limit` at a time; `after`: the last slug read. `today`: the hospital's day."""
    rows = await session.execute(
        select(Article.slug, ArticleRevision.number, ArticleRevision.doc)
        .join(
            ArticleRevision,
            and_(ArticleRevision.article_id == Article.id, ArticleRevision.number == Article.live_revision),
        )
        .where(Article.slug > after, or_(Article.expires_on.is_(None), Article.expires_on > today))
        .order_by(Article.slug)
        .limit(limit)
    )
    return [_text(slug, number, ArticleDoc.from_json(doc)) for slug, number, doc in rows]


def _text(slug: str, number: int, doc: ArticleDoc) -> PublishedText:
    return PublishedText(
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
    )
