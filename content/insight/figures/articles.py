"""Articles, whatever way they reached people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.insight.figures.rows import ArticleRow
from content.insight.period import Period
from content.reading.models import ArticleFeedback, ArticleRead, ArticleSent, ArticleTally


async def articles(session: AsyncSession, period: Period) -> list[ArticleRow]:
    """Every article that was sent, read or judged in the period; patients count once an article."""
    found: dict[UUID, list[int]] = {}

    async def add(places: tuple[int, ...], table: Any, within: Any, *counted: Any) -> None:
        rows = await session.execute(
            select(table.article_id, *counted).where(within).group_by(table.article_id)
        )
        for article_id, *numbers in rows:
            row = found.setdefault(article_id, [0] * 6)
            for place, number in zip(places, numbers, strict=True):
                row[place] = int(number or 0)

    reader = ArticleRead.patient_id
    to_the_end = case((ArticleRead.finished_at.is_not(None), reader))
    await add(
        (0,),
        ArticleSent,
        period.holds(ArticleSent.sent_at),
        func.count(ArticleSent.patient_id.distinct()),
    )
    await add(
        (1, 2),
        ArticleRead,
        period.holds(ArticleRead.opened_at),
        func.count(reader.distinct()),
        func.count(to_the_end.distinct()),
    )
    days = (ArticleTally.day >= period.first) & (ArticleTally.day < period.after)
    await add((3,), ArticleTally, days, func.sum(ArticleTally.opened))
    liked, disliked = (func.sum(case((ArticleFeedback.helpful == yes, 1), else_=0)) for yes in (True, False))
    await add((4, 5), ArticleFeedback, period.holds(ArticleFeedback.at), liked, disliked)
    named = await session.execute(
        select(Article.id, Article.slug, Article.title).where(Article.id.in_(found)).order_by(Article.title)
    )
    return [ArticleRow(slug, title, *found[article_id]) for article_id, slug, title in named]
