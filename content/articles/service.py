"""Articles: made, found, listed; what is live. Nothing here commits.

Beside this: `drafts` (working text, locks, undo), `workflow` (hand in, sign, publish, recall), `revisions` (history,
differences, roll-back), `comments`, `rendering`, `profiles` (who reads which variation), `lint`, `importing`, `texts` (search).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.doc import SLUG, ArticleDoc
from content.articles.errors import ArticleError, NotFound
from content.articles.models import Article, ArticleComment, ArticleDraft, ArticleDraftSave, ArticleRevision
from content.articles.refs import ref_of
from content.media import uses
from store import audit
from store.clock import Clock
from web.signin.models import StaffUser

STATES = ("draft", "in_review", "published", "due", "expired", "recalled")
"""What an article is, in the order of its life. The live text decides; a newer draft beside it is `Listed.editing`."""
SHOWN = 50
"""Articles of one page of the list."""


@dataclass(frozen=True, slots=True)
class Live:
    """A published text as patients get it. `due`: it is due for review, and may still be read and sent."""

    article_id: UUID
    slug: str
    revision: int
    doc: ArticleDoc
    published_at: datetime
    due: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the editors' list. `editing`: there is a draft; `pending`: the revision in review."""

    article: Article
    state: str
    editing: bool
    pending: int | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; empty: all. `words` must be in title, summary or slug; `mine`: of this author."""

    state: str = ""
    topic: str = ""
    stage: str = ""
    form: str = ""
    words: str = ""
    mine: UUID | None = None


async def get(session: AsyncSession, slug: str) -> Article:
    """Raises `NotFound`."""
    found = await session.scalar(select(Article).where(Article.slug == slug))
    if found is None:
        raise NotFound("no_article")
    return found


async def find(session: AsyncSession, slug: str) -> Article | None:
    """As `get`; None where there is none."""
    found: Article | None = await session.scalar(select(Article).where(Article.slug == slug))
    return found


async def titles(session: AsyncSession, slugs: Collection[str]) -> Mapping[str, str]:
    """Slug → title of those that are there."""
    rows = await session.execute(select(Article.slug, Article.title).where(Article.slug.in_(slugs)))
    return {slug: title for slug, title in rows if title}


async def create(
    session: AsyncSession, slug: str, doc: ArticleDoc, *, staff: StaffUser | None, now: datetime
) -> Article:
    """A new article with `doc` as its draft. Raises `ArticleError` for a slug that is taken or not well formed."""
    if not SLUG.fullmatch(slug) or len(slug) > 100:
        raise ArticleError("slug_form", slug=slug[:100])
    if await find(session, slug) is not None:
        raise ArticleError("slug_taken", slug=slug)
    author = staff.id if staff is not None else None
    article = Article(
        slug=slug, author_id=author, created_at=now, changed_at=now, revisions=0, title="", topic=""
    )
    show(article, doc, now)
    session.add(article)
    await session.flush()
    session.add(
        ArticleDraft(article_id=article.id, doc=doc.to_json(), version=1, saved_by=author, saved_at=now)
    )
    await uses.keep(session, ref_of(slug), 0, doc.media())
    note(session, staff, "create", slug, now)
    await session.flush()
    return article


def show(article: Article, doc: ArticleDoc, now: datetime) -> None:
    """Keep beside the article what lists and rules look at."""
    article.title, article.summary = doc.title[:100], doc.summary[:300]
    article.topic, article.stage, article.form = doc.topic[:40], doc.stage[:40], doc.form[:12]
    article.sample, article.ai_made, article.changed_at = doc.sample, doc.ai_made, now


def state_of(article: Article, today: date) -> str:
    """One of `STATES`; `today` is the hospital's day."""
    if article.live_revision is not None:
        if article.expires_on is not None and article.expires_on <= today:
            return "expired"
        return "due" if article.review_by is not None and article.review_by <= today else "published"
    if article.recalled_at is not None:
        return "recalled"
    return "in_review" if article.pending_revision is not None else "draft"


def _state(today: date) -> ColumnElement[str]:
    """`state_of` in SQL."""
    live = Article.live_revision.is_not(None)
    return case(
        (and_(live, Article.expires_on <= today), "expired"),
        (and_(live, Article.review_by <= today), "due"),
        (live, "published"),
        (Article.recalled_at.is_not(None), "recalled"),
        (Article.pending_revision.is_not(None), "in_review"),
        else_="draft",
    )


async def listed(
    session: AsyncSession, today: date, filters: Filters | None = None, *, page: int = 1, size: int = SHOWN
) -> tuple[list[Listed], int]:
    """A page of articles, those changed last first, and how many there are in all.

    The filter `in_review` finds every article with a revision in review, also those with a live one beside it.
    """
    wanted = _narrowed(filters or Filters(), today)
    total = await session.scalar(select(func.count()).select_from(Article).where(*wanted)) or 0
    has_draft = select(ArticleDraft.id).where(ArticleDraft.article_id == Article.id).exists()
    rows = await session.execute(
        select(Article, has_draft)
        .where(*wanted)
        .order_by(Article.changed_at.desc(), Article.id.desc())
        .limit(size)
        .offset((max(page, 1) - 1) * size)
    )
    found = [
        Listed(article, state_of(article, today), bool(editing), article.pending_revision)
        for article, editing in rows
    ]
    return found, int(total)


def _narrowed(filters: Filters, today: date) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.state == "in_review":
        wanted.append(Article.pending_revision.is_not(None))
    elif filters.state:
        wanted.append(_state(today) == filters.state)
    for column, value in (
        (Article.topic, filters.topic),
        (Article.stage, filters.stage),
        (Article.form, filters.form),
        (Article.author_id, filters.mine),
    ):
        if value:
            wanted.append(column == value)
    for word in filters.words.split()[:5]:
        part = word.lower()
        wanted.append(
            or_(
                *(
                    func.lower(column).contains(part, autoescape=True)
                    for column in (Article.title, Article.summary, Article.slug)
                )
            )
        )
    return wanted


async def counts(session: AsyncSession, today: date) -> Mapping[str, int]:
    """How many articles are in each state; `in_review` counts every revision in review."""
    state = _state(today).label("state")
    rows = await session.execute(select(state, func.count()).group_by(state))
    found = {str(name): int(number) for name, number in rows}
    found["in_review"] = (
        await session.scalar(
            select(func.count()).select_from(Article).where(Article.pending_revision.is_not(None))
        )
        or 0
    )
    return {name: found.get(name, 0) for name in STATES}


async def live(session: AsyncSession, slug: str, today: date) -> Live | None:
    """What patients read under `slug` now; None when nothing is published, or it is expired or recalled."""
    row = (
        await session.execute(
            select(Article, ArticleRevision)
            .join(
                ArticleRevision,
                and_(
                    ArticleRevision.article_id == Article.id, ArticleRevision.number == Article.live_revision
                ),
            )
            .where(Article.slug == slug)
        )
    ).one_or_none()
    if row is None:
        return None
    article, revision = row
    state = state_of(article, today)
    if state not in ("published", "due"):
        return None
    return Live(
        article_id=article.id,
        slug=slug,
        revision=revision.number,
        doc=ArticleDoc.from_json(revision.doc),
        published_at=revision.published_at or article.changed_at,
        due=state == "due",
    )


async def revision(session: AsyncSession, article_id: UUID, number: int) -> ArticleRevision:
    """Raises `NotFound`."""
    found = await session.scalar(
        select(ArticleRevision).where(
            ArticleRevision.article_id == article_id, ArticleRevision.number == number
        )
    )
    if found is None:
        raise NotFound("no_revision", number=number)
    return found


async def discard(session: AsyncSession, article: Article, *, staff: StaffUser, now: datetime) -> None:
    """Delete an article that was never handed in, with all that belongs to it. Raises `ArticleError` once there is a revision:
    what somebody may have signed or read is recalled, not deleted."""
    if article.revisions:
        raise ArticleError("has_revisions", number=article.revisions)
    await uses.keep(session, ref_of(article.slug), 0, ())
    for table in (ArticleComment, ArticleDraftSave, ArticleDraft):
        await session.execute(delete(table).where(table.article_id == article.id))
    await session.execute(delete(Article).where(Article.id == article.id))
    note(session, staff, "delete", article.slug, now)


def note(
    session: AsyncSession, staff: StaffUser | None, action: str, slug: str, now: datetime, **detail: Any
) -> None:
    """The audit row of an act on an article; ids, numbers and codes only."""
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id) if staff is not None else "system",
        action=action,
        subject=f"article:{slug}",
        at=now,
        detail=detail,
    )


def today_of(clock: Clock) -> date:
    """The hospital's day."""
    return clock.local().date()
