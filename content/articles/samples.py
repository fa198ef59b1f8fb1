"""The seed library in a hospital that is just set up: published samples in the demo, drafts to be signed in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import drafts, importing, service
from content.articles.errors import say
from content.articles.importing import ImportRefused, Parsed, Problem
from content.articles.models import Article, ArticleRevision, ArticleSignOff
from content.articles.readability import measure
from content.articles.refs import ref_of
from content.articles.stages import ReviewRules
from content.media import uses
from web.signin.models import StaffUser

FOLDER = Path(__file__).parents[2] / "data" / "seed" / "articles"


def read_library() -> list[Parsed]:
    """Every file of the seed library. Raises `ImportRefused`."""
    return importing.read_path(FOLDER)


async def load_drafts(session: AsyncSession, parsed: Sequence[Parsed], now: datetime) -> int:
    """As drafts, those that are not there; how many."""
    fresh = await _fresh(session, parsed)
    return (await importing.load(session, fresh, staff=None, now=now)).created


async def publish(
    session: AsyncSession,
    parsed: Sequence[Parsed],
    rules: ReviewRules,
    *,
    signer: StaffUser,
    now: datetime,
    today: date,
) -> int:
    """Those that are not there, published as samples: each stage signed by the demo's clinician `signer`. How many.

    Only for the demo. Raises `ImportRefused` for an article that is not marked as a sample. What somebody has changed since stays.
    """
    if wrong := [one for one in parsed if not one.doc.sample]:
        raise ImportRefused([Problem(one.where, "sample", say("imports", "not_sample")) for one in wrong])
    fresh = await _fresh(session, parsed)
    await importing.load(session, fresh, staff=None, now=now)
    slugs = [one.slug for one in fresh]
    made = {one.slug: one for one in await session.scalars(select(Article).where(Article.slug.in_(slugs)))}
    for one in fresh:
        await _publish(session, made[one.slug], one, rules, signer, now, today)
    await session.flush()
    return len(fresh)


async def _publish(
    session: AsyncSession,
    article: Article,
    one: Parsed,
    rules: ReviewRules,
    signer: StaffUser,
    now: datetime,
    today: date,
) -> None:
    digest = one.doc.digest
    review_by, expires_on = (
        one.doc.review_by or today + timedelta(days=rules.review_after_days),
        one.doc.expires_on or today + timedelta(days=rules.expire_after_days),
    )
    session.add(
        ArticleRevision(
            article_id=article.id,
            number=1,
            doc=one.doc.to_json(),
            digest=digest,
            reading_level=measure(one.doc.body).grade,
            state="published",
            step=len(rules.stages),
            note=say("labels", "sample"),
            created_at=now,
            published_at=now,
            review_by=review_by,
            expires_on=expires_on,
        )
    )
    session.add_all(
        ArticleSignOff(
            article_id=article.id,
            number=1,
            stage=stage.key,
            decision="signed",
            staff_id=signer.id,
            digest=digest,
            checks=list(stage.checks),
            remark=say("labels", "sample"),
            at=now,
        )
        for stage in rules.stages
    )
    article.revisions = article.live_revision = 1
    article.review_by, article.expires_on, article.published_at = review_by, expires_on, now
    await drafts.close(session, article, one.doc)
    await uses.keep(session, ref_of(article.slug), 1, one.doc.media())
    service.note(session, signer, "publish_sample", article.slug, now, revision=1)


async def _fresh(session: AsyncSession, parsed: Sequence[Parsed]) -> list[Parsed]:
    there = set(await session.scalars(select(Article.slug)))
    return [one for one in parsed if one.slug not in there]
