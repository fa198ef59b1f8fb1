"""Articles a patient read, for the timeline on the staff desk: only of who agreed to that (`Purpose.TRACKING`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow, Purpose
from care.timeline.ports import Entry, Who
from care.timeline.words import words
from content.articles.models import Article
from content.reading.models import ArticleRead


@dataclass(frozen=True, slots=True)
class Reads:
    """Implements `care.timeline.ports.TimelineSource`."""

    name: str = "article"
    kind: str = "article"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return (
            select(ArticleRead.opened_at, ArticleRead.id)
            .join(ConsentNow, ConsentNow.subject_id == ArticleRead.patient_id)
            .where(
                ArticleRead.patient_id == who.patient_id,
                ConsentNow.purpose == Purpose.TRACKING,
                ConsentNow.granted.is_(True),
            )
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.execute(
            select(ArticleRead, Article.title, Article.slug)
            .join(Article, Article.id == ArticleRead.article_id)
            .where(ArticleRead.id.in_(keys))
        )
        return {one.id: self._entry(one, title, slug) for one, title, slug in rows}

    @staticmethod
    def _entry(row: ArticleRead, title: str, slug: str) -> Entry:
        facts = [words("facts", "dwell", seconds=row.dwell)] if row.dwell else []
        if row.helpful is not None:
            facts.append(words("facts", "helpful" if row.helpful else "not_helpful"))
        done = "finished" if row.finished_at is not None else "opened"
        return Entry(
            at=row.opened_at, title=title, marks=[(words("states", done), "badge-ghost")], facts=facts
        )
