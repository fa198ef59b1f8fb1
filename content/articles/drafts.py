"""The working text: saving without losing anybody's words, locks, undo. Nothing here commits.

A save names the version it was made from. When that is not the newest any more, or somebody else holds the lock, the text is not
taken, and not lost either: it is kept as a `refused` state, and the answer brings the newer text to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import service
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError, NotFound
from content.articles.models import Article, ArticleDraft, ArticleDraftSave
from content.articles.refs import ref_of
from content.media import uses
from store.clock import real_now
from web.signin.models import StaffUser

LOCK = timedelta(minutes=2)
"""So long an editor who is not heard of keeps the lock; each save renews it."""
ONE_STEP = timedelta(seconds=20)
"""Autosaves of one person within this time are one step of undo."""
KEPT = 200
"""States kept of one draft."""

Kind = Literal["autosave", "saved"]


@dataclass(frozen=True, slots=True)
class Saved:
    """Taken: the draft's version now."""

    version: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Not taken. `theirs` is the newer text (`version`, by whom, when); `kept` the id under which the refused one is kept.

    `locked_by` is set when the reason is another's lock.
    """

    theirs: ArticleDoc
    version: int
    saved_by: UUID | None
    saved_at: datetime
    kept: UUID
    locked_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Who edits. `mine`: the asker; `until` is real time."""

    held_by: UUID | None
    until: datetime | None
    mine: bool


async def find(session: AsyncSession, article_id: UUID) -> ArticleDraft | None:
    """The article's draft, if it is being worked on."""
    found: ArticleDraft | None = await session.scalar(
        select(ArticleDraft).where(ArticleDraft.article_id == article_id)
    )
    return found


async def begin(
    session: AsyncSession, article: Article, *, staff: StaffUser | None, now: datetime
) -> ArticleDraft:
    """The draft there is, or one made from the newest revision. Raises `ArticleError` while a revision is in review."""
    if article.pending_revision is not None:
        raise ArticleError("in_review", number=article.pending_revision)
    draft = await find(session, article.id)
    if draft is not None:
        return draft
    newest = await service.revision(session, article.id, article.live_revision or article.revisions)
    draft = ArticleDraft(
        article_id=article.id,
        doc=newest.doc,
        version=1,
        based_on=newest.number,
        saved_by=staff.id if staff is not None else None,
        saved_at=now,
    )
    session.add(draft)
    await session.flush()
    return draft


async def save(
    session: AsyncSession,
    article: Article,
    doc: ArticleDoc,
    *,
    version: int,
    staff: StaffUser,
    now: datetime,
    kind: Kind = "autosave",
) -> Saved | Conflict:
    """Take `doc`, which was made from the draft's `version`; renews the lock. Raises `ArticleError` without a draft, or in review."""
    if article.pending_revision is not None:
        raise ArticleError("in_review", number=article.pending_revision)
    return await _put(session, article, doc, version=version, staff=staff, now=now, kind=kind)


async def _put(
    session: AsyncSession,
    article: Article,
    doc: ArticleDoc,
    *,
    version: int,
    staff: StaffUser,
    now: datetime,
    kind: str,
    restored: int | None = None,
) -> Saved | Conflict:
    draft = await _draft(session, article)
    raw, real = doc.to_json(), real_now()
    if not await _oldest_kept(session, article.id):  # what the draft began with is the first state
        session.add(_state(article.id, draft.version, "saved", draft.doc, draft.saved_by, draft.saved_at))
        await session.flush()
    taken = await session.execute(
        update(ArticleDraft)
        .where(
            ArticleDraft.id == draft.id,
            ArticleDraft.version == version,
            (ArticleDraft.locked_by.is_(None))
            | (ArticleDraft.locked_by == staff.id)
            | (ArticleDraft.locked_until < real),
        )
        .values(
            doc=raw,
            version=version + 1,
            saved_by=staff.id,
            saved_at=now,
            locked_by=staff.id,
            locked_until=real + LOCK,
        )
        .returning(ArticleDraft.version)
    )
    if taken.first() is None:
        kept = _state(article.id, version, "refused", raw, staff.id, now)
        session.add(kept)
        await session.flush()
        await session.refresh(draft)
        lock = _lock(draft, staff, real)
        return Conflict(
            theirs=ArticleDoc.from_json(draft.doc),
            version=draft.version,
            saved_by=draft.saved_by,
            saved_at=draft.saved_at,
            kept=kept.id,
            locked_by=None if lock.mine else lock.held_by,
        )
    await session.refresh(draft)
    await _remember(session, article.id, version + 1, kind, raw, staff.id, now, restored)
    service.show(article, doc, now)
    await uses.keep(session, ref_of(article.slug), 0, doc.media())
    await session.flush()
    return Saved(version + 1)


async def _draft(session: AsyncSession, article: Article) -> ArticleDraft:
    draft = await find(session, article.id)
    if draft is None:
        raise NotFound("no_draft")
    return draft


# --- locks ---


async def lock(session: AsyncSession, article: Article, *, staff: StaffUser, take_over: bool = False) -> Lock:
    """Take or renew the lock; `take_over` takes it from whoever holds it, whose next save is then refused and kept."""
    draft = await _draft(session, article)
    real = real_now()
    mine_or_free = (
        (ArticleDraft.locked_by.is_(None))
        | (ArticleDraft.locked_by == staff.id)
        | (ArticleDraft.locked_until < real)
    )
    wanted = [ArticleDraft.id == draft.id] if take_over else [ArticleDraft.id == draft.id, mine_or_free]
    before = _lock(draft, staff, real)
    await session.execute(
        update(ArticleDraft).where(*wanted).values(locked_by=staff.id, locked_until=real + LOCK)
    )
    await session.refresh(draft)
    if take_over and before.held_by is not None and not before.mine:
        service.note(session, staff, "take_over", article.slug, real, held_by=str(before.held_by))
    return _lock(draft, staff, real)


async def unlock(session: AsyncSession, article: Article, *, staff: StaffUser) -> None:
    """Give the lock back; nothing happens when somebody else holds it by now."""
    await session.execute(
        update(ArticleDraft)
        .where(ArticleDraft.article_id == article.id, ArticleDraft.locked_by == staff.id)
        .values(locked_by=None, locked_until=None)
    )


def _lock(draft: ArticleDraft, staff: StaffUser, real: datetime) -> Lock:
    held = draft.locked_by is not None and draft.locked_until is not None and draft.locked_until >= real
    if not held:
        return Lock(None, None, False)
    return Lock(draft.locked_by, draft.locked_until, draft.locked_by == staff.id)


# --- undo ---


async def history(session: AsyncSession, article_id: UUID, limit: int = 50) -> Sequence[ArticleDraftSave]:
    """States of the draft, newest first; refused ones among them, so that nobody's words are lost."""
    return (
        await session.scalars(
            select(ArticleDraftSave)
            .where(ArticleDraftSave.article_id == article_id)
            .order_by(ArticleDraftSave.id.desc())
            .limit(limit)
        )
    ).all()


async def restore(
    session: AsyncSession, article: Article, save_id: UUID, *, version: int, staff: StaffUser, now: datetime
) -> Saved | Conflict:
    """Make a state the draft again (as a new version, so that this too can be undone). Raises `NotFound`."""
    state = await session.get(ArticleDraftSave, save_id)
    if state is None or state.article_id != article.id:
        raise NotFound("no_save")
    doc = ArticleDoc.from_json(state.doc)
    return await _put(
        session,
        article,
        doc,
        version=version,
        staff=staff,
        now=now,
        kind="restored",
        restored=None if state.kind == "refused" else state.version,
    )


async def undo(
    session: AsyncSession, article: Article, *, version: int, staff: StaffUser, now: datetime
) -> Saved | Conflict | None:
    """One step back; again: one more. None when there is nothing before."""
    return await _step(session, article, back=True, version=version, staff=staff, now=now)


async def redo(
    session: AsyncSession, article: Article, *, version: int, staff: StaffUser, now: datetime
) -> Saved | Conflict | None:
    """What was undone last, again; None when nothing was undone since the last change."""
    return await _step(session, article, back=False, version=version, staff=staff, now=now)


async def _step(
    session: AsyncSession, article: Article, *, back: bool, version: int, staff: StaffUser, now: datetime
) -> Saved | Conflict | None:
    states = [one for one in await history(session, article.id, KEPT) if one.kind != "refused"][::-1]
    if not states:
        return None
    places = {one.version: number for number, one in enumerate(states) if one.restored is None}
    now_at = states[-1].restored or states[-1].version

    def before(place: int) -> int | None:
        """The version from which the text of version `place` was written."""
        number = places.get(place, 0)
        return (states[number - 1].restored or states[number - 1].version) if number else None

    if back:
        target = before(now_at)
    elif states[-1].restored is None:
        target = None
    else:
        target = max((place for place in places if before(place) == now_at), default=None)
    if target is None or target not in places:
        return None
    state = states[places[target]]
    return await restore(session, article, state.id, version=version, staff=staff, now=now)


async def close(session: AsyncSession, article: Article, published: ArticleDoc) -> None:
    """What the draft holds is published: it goes, with its states. A draft with other words in it (begun beside a roll-back) stays, and
    so does every refused text, for ever to be had back."""
    draft = await find(session, article.id)
    if draft is not None and ArticleDoc.from_json(draft.doc).tidy() != published:
        return
    await session.execute(
        delete(ArticleDraftSave).where(
            ArticleDraftSave.article_id == article.id, ArticleDraftSave.kind != "refused"
        )
    )
    await session.execute(delete(ArticleDraft).where(ArticleDraft.article_id == article.id))
    await uses.keep(session, ref_of(article.slug), 0, ())


def _state(
    article_id: UUID,
    version: int,
    kind: str,
    raw: dict[str, object],
    by: UUID | None,
    at: datetime,
    restored: int | None = None,
) -> ArticleDraftSave:
    return ArticleDraftSave(
        article_id=article_id, version=version, kind=kind, doc=raw, saved_by=by, at=at, restored=restored
    )


async def _oldest_kept(session: AsyncSession, article_id: UUID) -> bool:
    found = await session.scalar(
        select(ArticleDraftSave.id)
        .where(ArticleDraftSave.article_id == article_id, ArticleDraftSave.kind != "refused")
        .limit(1)
    )
    return found is not None


async def _remember(
    session: AsyncSession,
    article_id: UUID,
    version: int,
    kind: str,
    raw: dict[str, object],
    by: UUID,
    at: datetime,
    restored: int | None,
) -> None:
    newest = next(iter(await history(session, article_id, 1)), None)
    if (
        newest is not None
        and newest.kind == kind == "autosave"
        and newest.saved_by == by
        and newest.version == version - 1
        and timedelta() <= at - newest.at < ONE_STEP
    ):
        newest.version, newest.doc = version, raw
        return
    session.add(_state(article_id, version, kind, raw, by, at, restored))
    await session.flush()
    oldest = await session.scalar(
        select(ArticleDraftSave.id)
        .where(ArticleDraftSave.article_id == article_id)
        .order_by(ArticleDraftSave.id.desc())
        .offset(KEPT)
        .limit(1)
    )
    if oldest is not None:
        await session.execute(
            delete(ArticleDraftSave).where(
                ArticleDraftSave.article_id == article_id, ArticleDraftSave.id <= oldest
            )
        )
