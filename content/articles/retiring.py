"""Taking an article out of use before its day: nobody is written to about it, as after a recall; it is just not sent any more."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import service
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError
from content.articles.models import Article, ArticleRevision
from content.articles.stages import ReviewRules
from store.clock import Clock
from web.signin.models import StaffUser


async def retire(session: AsyncSession, article: Article, *, staff: StaffUser, clock: Clock) -> None:
    """It expires today, every revision of it that could still go out. Raises `ArticleError` when none is live."""
    if article.live_revision is None:
        raise ArticleError("not_live")
    today = service.today_of(clock)
    await session.execute(
        update(ArticleRevision)
        .where(
            ArticleRevision.article_id == article.id,
            ArticleRevision.state.in_(("published", "superseded")),
            or_(ArticleRevision.expires_on.is_(None), ArticleRevision.expires_on > today),
        )
        .values(expires_on=today)
        .execution_options(synchronize_session=False)
    )
    article.expires_on, article.changed_at = today, clock.now()
    service.note(session, staff, "retire", article.slug, clock.now(), revision=article.live_revision)
    await session.flush()


async def restore(
    session: AsyncSession, article: Article, rules: ReviewRules, *, staff: StaffUser, clock: Clock
) -> None:
    """Back into use until the day it would have had. Raises `ArticleError` when none is live or that day is past."""
    if article.live_revision is None:
        raise ArticleError("not_live")
    live = await service.revision(session, article.id, article.live_revision)
    assert live.published_at is not None
    own = ArticleDoc.from_json(live.doc).expires_on
    day = own or clock.local(live.published_at).date() + timedelta(days=rules.expire_after_days)
    if day <= service.today_of(clock):
        raise ArticleError("expires_past", day=day)
    live.expires_on = article.expires_on = day
    article.changed_at = clock.now()
    service.note(session, staff, "restore", article.slug, clock.now(), revision=live.number)
    await session.flush()
