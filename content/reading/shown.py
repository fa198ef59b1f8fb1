"""What a reader sees: the current signed text, or why there is none any more and what to read instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import rendering, service
from content.articles.doc import ArticleDoc, Video
from content.articles.models import Article, ArticleRevision
from content.articles.profiles import for_profile
from content.articles.rendering import Picture, Rendered
from content.media import service as media
from content.media.uses import ids_in
from content.reading.reader import profile_of
from content.reading.words import topic_name

OTHERS = 3
"""Other articles offered below one."""


@dataclass(frozen=True, slots=True)
class Other:
    """Something else to read."""

    slug: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Text:
    """An article as it is shown. `newer`: another revision than the one that was sent. `day`: when it was published (local)."""

    slug: str
    article_id: UUID
    revision: int
    topic: str
    topic_name: str
    title: str
    summary: str
    html: str
    sources: str
    author: str
    reviewer: str
    credits: Sequence[str]
    video: Video | None
    ai_made: bool
    sample: bool
    published_at: datetime
    newer: bool
    others: Sequence[Other]


@dataclass(frozen=True, slots=True)
class Instead:
    """Nothing to show. `why`: recalled, expired or gone. `newer`: there is a corrected text of the same article."""

    why: str
    title: str
    newer: Other | None
    others: Sequence[Other]


@lru_cache(maxsize=256)
def _rendered(body: str, pictures: tuple[tuple[UUID, Picture], ...]) -> Rendered:
    """The same text is read by thousands in a morning."""
    return rendering.render_page(body, dict(pictures))


async def by_slug(
    session: AsyncSession, slug: str, today: date, *, patient_id: UUID | None = None, sent: int | None = None
) -> Text | Instead | None:
    """The article under `slug`; None where there never was one to read.

    `patient_id`: whose variations are chosen, if they agreed; `sent`: the revision they were sent. Patients read the current signed
    revision; but when the one they were sent was recalled, they are told so first.
    """
    if "\0" in slug or len(slug) > 100:
        return None
    article = await session.scalar(select(Article).where(Article.slug == slug))
    return None if article is None else await _shown(session, article, today, patient_id, sent)


async def by_id(
    session: AsyncSession, article_id: UUID, today: date, *, sent: int, patient_id: UUID | None = None
) -> Text | Instead | None:
    """As `by_slug`, for a link."""
    article = await session.get(Article, article_id)
    return None if article is None else await _shown(session, article, today, patient_id, sent)


async def _shown(
    session: AsyncSession, article: Article, today: date, patient_id: UUID | None, sent: int | None
) -> Text | Instead | None:
    live = await service.live(session, article.slug, today)
    if sent is not None and await _was_recalled(session, article.id, sent):
        newer = None if live is None else Other(article.slug, live.doc.title, live.doc.summary)
        others = await _others(session, article, live.doc.related if live else (), today)
        return Instead("recalled", article.title, newer, others)
    if live is None:
        if article.published_at is None:
            return None
        why = (
            "recalled" if article.recalled_at is not None else "expired" if article.live_revision else "gone"
        )
        return Instead(why, article.title, None, await _others(session, article, (), today))
    doc = live.doc
    body = doc.body
    if patient_id is not None:
        body = for_profile(doc, await profile_of(session, patient_id, doc, today)).body
    pictures = await media.pictures(session, ids_in(body))
    rendered = _rendered(body, tuple(sorted(pictures.items())))
    return Text(
        slug=article.slug,
        article_id=article.id,
        revision=live.revision,
        topic=article.topic,
        topic_name=topic_name(article.topic),
        title=doc.title,
        summary=doc.summary,
        html=rendered.html,
        sources=rendering.source_line(doc) if doc.sources else "",
        author=doc.author,
        reviewer=doc.reviewer,
        credits=rendered.credits,
        video=doc.video,
        ai_made=doc.ai_made,
        sample=doc.sample,
        published_at=live.published_at,
        newer=sent is not None and live.revision != sent,
        others=await _others(session, article, doc.related, today),
    )


async def _was_recalled(session: AsyncSession, article_id: UUID, number: int) -> bool:
    state = await session.scalar(
        select(ArticleRevision.state).where(
            ArticleRevision.article_id == article_id, ArticleRevision.number == number
        )
    )
    return state == "recalled"


async def _others(
    session: AsyncSession, article: Article, related: Sequence[str], today: date
) -> Sequence[Other]:
    """What its author named as going with it, then the newest of the same topic; only what is published and not expired."""
    rows = await session.execute(
        select(Article.slug, Article.id, Article.live_revision)
        .where(
            or_(Article.slug.in_(related), Article.topic == article.topic),
            Article.id != article.id,
            Article.live_revision.is_not(None),
            or_(Article.expires_on.is_(None), Article.expires_on > today),
        )
        .order_by(Article.published_at.desc(), Article.slug)
    )
    place = {slug: number for number, slug in enumerate(related)}
    first = sorted(rows.all(), key=lambda row: place.get(row[0], len(place)))[:OTHERS]
    texts = await session.execute(
        select(ArticleRevision.article_id, ArticleRevision.doc).where(
            or_(
                false(),
                *(
                    and_(ArticleRevision.article_id == article_id, ArticleRevision.number == number)
                    for _, article_id, number in first
                ),
            )
        )
    )
    docs = {article_id: ArticleDoc.from_json(doc) for article_id, doc in texts}
    return [Other(slug, docs[one].title, docs[one].summary) for slug, one, _ in first if one in docs]
