"""Which articles are due, disliked or never opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.articles.service import state_of
from content.insight.stats import Estimate, proportion
from content.reading.models import ArticleFeedback, ArticleRead, ArticleSent, ArticleTally

SOON = timedelta(days=30)
"""How long before its day an article is shown as due for review."""
SHOWN = 50
LOOKED_BACK = timedelta(days=180)
DISLIKED_FROM = 0.3
"""An article is disliked when at least so many find it unhelpful, beyond chance: the interval of that share lies above."""
TIME_TO_OPEN = timedelta(days=14)
"""An article is never opened when all had so long."""


@dataclass(frozen=True, slots=True)
class Due:
    """`state`: expired, due, or soon."""

    article: Article
    state: str


@dataclass(frozen=True, slots=True)
class Disliked:
    article: Article
    answers: int
    unhelpful: Estimate


@dataclass(frozen=True, slots=True)
class Unopened:
    """`people` were sent it, the last of them at `last`."""

    article: Article
    people: int
    last: datetime


async def due(session: AsyncSession, today: date) -> Sequence[Due]:
    """Live articles whose review is due, past or near, the oldest day first; those in review already are left out."""
    rows = await session.scalars(
        select(Article)
        .where(
            Article.live_revision.is_not(None),
            Article.pending_revision.is_(None),
            func.coalesce(Article.review_by, Article.expires_on) <= today + SOON,
        )
        .order_by(Article.review_by, Article.slug)
        .limit(SHOWN)
    )
    found = [(article, state_of(article, today)) for article in rows]
    return [Due(article, "soon" if state == "published" else state) for article, state in found]


async def disliked(session: AsyncSession, now: datetime, least: int) -> Sequence[Disliked]:
    """Live articles with `least` answers or more of the last half year, the most disliked first."""
    no = func.sum(case((ArticleFeedback.helpful, 0), else_=1))
    rows = await session.execute(
        select(Article, func.count(), no)
        .join(ArticleFeedback, ArticleFeedback.article_id == Article.id)
        .where(Article.live_revision.is_not(None), ArticleFeedback.at >= now - LOOKED_BACK)
        .group_by(Article.id)
        .having(func.count() >= least)
    )
    found = [Disliked(article, count, proportion(int(no), count)) for article, count, no in rows]
    bad = [one for one in found if one.unhelpful.low > DISLIKED_FROM]
    return sorted(bad, key=lambda one: (-one.unhelpful.low, one.article.slug))[:SHOWN]


async def unopened(session: AsyncSession, now: datetime, least: int) -> Sequence[Unopened]:
    """Live articles that `least` patients or more were sent in the last half year and nobody, named or not, has opened."""
    since = now - LOOKED_BACK
    people = func.count(ArticleSent.patient_id.distinct())
    rows = await session.execute(
        select(Article, people, func.max(ArticleSent.sent_at))
        .join(ArticleSent, ArticleSent.article_id == Article.id)
        .where(
            Article.live_revision.is_not(None),
            ArticleSent.sent_at >= since,
            ~exists().where(ArticleRead.article_id == Article.id, ArticleRead.opened_at >= since),
            ~exists().where(ArticleTally.article_id == Article.id, ArticleTally.day >= since.date()),
        )
        .group_by(Article.id)
        .having(people >= least, func.max(ArticleSent.sent_at) <= now - TIME_TO_OPEN)
        .order_by(people.desc(), Article.slug)
        .limit(SHOWN)
    )
    return [Unopened(*row) for row in rows]
