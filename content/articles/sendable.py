"""Whether a message may still carry an article: asked by the send gate for a whole batch, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.ports import ContentRef
from care.gate.reasons import Reason
from content.articles.models import Article, ArticleRevision
from content.articles.refs import slug_of
from store.clock import Clock

_GOOD = ("published", "superseded")


class ArticleContents:
    """Implements `care.gate.ports.Contents` for `article:<slug>`; what names something else is not its business."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def refused(
        self, session: AsyncSession, refs: Collection[ContentRef]
    ) -> Mapping[ContentRef, Reason]:
        """The refs that must not be sent now, and why: never signed, recalled, or past its day.

        A ref without a revision means the live one. A text that a newer one has replaced may still go: it was signed.
        """
        slugs = {slug for ref, _ in refs if (slug := slug_of(ref)) is not None}
        if not slugs:
            return {}
        today = self._clock.local().date()
        rows = await session.execute(
            select(
                Article.slug,
                Article.live_revision,
                ArticleRevision.number,
                ArticleRevision.state,
                ArticleRevision.expires_on,
            )
            .join(ArticleRevision, ArticleRevision.article_id == Article.id)
            .where(Article.slug.in_(slugs))
        )
        known: dict[tuple[str, int | None], Reason | None] = {}
        recalled: set[str] = set()
        for slug, live, number, state, expires in rows:
            if state == "recalled":
                why: Reason | None = Reason.CONTENT_RECALLED
                recalled.add(slug)
            elif state not in _GOOD:
                why = Reason.CONTENT_UNSIGNED
            elif expires is not None and expires <= today:
                why = Reason.CONTENT_EXPIRED
            else:
                why = None
            known[slug, number] = why
            if number == live:
                known[slug, None] = why
        found: dict[ContentRef, Reason] = {}
        for ref, asked in refs:
            if (named := slug_of(ref)) is None:
                continue
            gone = Reason.CONTENT_RECALLED if named in recalled and asked is None else Reason.CONTENT_UNSIGNED
            if (reason := known.get((named, asked), gone)) is not None:
                found[ref, asked] = reason
        return found
