"""What a campaign's form has to choose from: published articles and audiences with their sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.audiences import service as audiences
from content.audiences.rules import Group, read
from content.audiences.sentence import sentence
from content.audiences.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class OfferedArticle:
    """A live text. `gone`: chosen once, it may not be sent any more."""

    id: UUID
    slug: str
    title: str
    revision: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class OfferedAudience:
    """An audience's newest version, and the sentence it is read as."""

    id: UUID
    name: str
    version_id: UUID
    number: int
    rule: Group
    sentence: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Both, in the order they are shown."""

    articles: Sequence[OfferedArticle]
    audiences: Sequence[OfferedAudience]

    def article(self, article_id: UUID) -> OfferedArticle:
        """Raises `KeyError`."""
        return _found(self.articles, article_id)

    def audience(self, audience_id: UUID) -> OfferedAudience:
        """Raises `KeyError`."""
        return _found(self.audiences, audience_id)


One = TypeVar("One", OfferedArticle, OfferedAudience)


def _found(among: Sequence[One], wanted: UUID) -> One:
    for one in among:
        if one.id == wanted:
            return one
    raise KeyError(wanted)


async def offered(
    session: AsyncSession, today: date, articles: Collection[UUID] = (), audience_id: UUID | None = None
) -> Offered:
    """Articles that may be sent today, by title; audiences, the last changed first. What a campaign names already is there too, so
    that a form never shows another in its place."""
    live = and_(
        Article.live_revision.is_not(None),
        Article.recalled_at.is_(None),
        or_(Article.expires_on.is_(None), Article.expires_on > today),
    )
    rows = await session.execute(
        select(Article.id, Article.slug, Article.title, func.coalesce(Article.live_revision, 0), not_(live))
        .where(or_(live, Article.id.in_(articles)))
        .order_by(Article.title, Article.id)
    )
    words = await vocabulary(session)
    listed = list(await audiences.listed(session))
    if audience_id is not None and audience_id not in {one.id for one, _ in listed}:
        kept, version = (
            await audiences.get(session, audience_id),
            await audiences.version(session, audience_id),
        )
        listed += [(kept, version)] if kept is not None and version is not None else []
    found = []
    for one, newest in listed:
        rule = read(newest.rule)
        found.append(OfferedAudience(one.id, one.name, newest.id, newest.number, rule, sentence(rule, words)))
    return Offered([OfferedArticle(*row) for row in rows], found)
