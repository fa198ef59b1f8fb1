"""From a draft to what patients read, and back: hand in, sign or return, publish, recall. Nothing here commits.

draft → in_review (the stages of `ReviewRules`, in order) → approved → published → due for review → expired, or recalled.
A revision is published only when each stage has a signature over exactly its text (`digest`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import drafts, service
from content.articles.doc import ArticleDoc, digest_of
from content.articles.errors import ArticleError, NotFound, say
from content.articles.models import Article, ArticleRevision, ArticleSignOff
from content.articles.readability import measure
from content.articles.refs import ref_of
from content.articles.stages import CLINICAL, ReviewRules, Stage
from content.media import uses
from web.signin.models import StaffUser


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a revision's review. `state`: done, next, later. `sign_off` is the signature that holds."""

    stage: Stage
    state: str
    sign_off: ArticleSignOff | None


async def submit(
    session: AsyncSession,
    article: Article,
    *,
    staff: StaffUser | None,
    now: datetime,
    note: str = "",
    problems: int = 0,
) -> ArticleRevision:
    """Hand in the draft: it becomes the next revision and waits for the first stage.

    `problems`: errors the checks found (`lint.errors`); with any it is refused. Raises `ArticleError`.
    """
    draft = await drafts.find(session, article.id)
    if draft is None:
        raise NotFound("no_draft")
    if problems:
        raise ArticleError("unfinished", count=problems)
    doc = ArticleDoc.from_json(draft.doc)
    return await hand_in(session, article, doc, staff=staff, now=now, note=note)


async def hand_in(
    session: AsyncSession,
    article: Article,
    doc: ArticleDoc,
    *,
    staff: StaffUser | None,
    now: datetime,
    note: str = "",
    from_revision: int | None = None,
    again: bool = False,
) -> ArticleRevision:
    """A new revision of `doc` in review. `again`: also when the text is the live one's (its review is due). Raises `ArticleError`."""
    if article.pending_revision is not None:
        raise ArticleError("in_review", number=article.pending_revision)
    doc = doc.tidy()
    raw = doc.to_json()
    digest = digest_of(raw)
    if article.live_revision is not None and not again:
        live = await service.revision(session, article.id, article.live_revision)
        if live.digest == digest:
            raise ArticleError("nothing_new", number=live.number)
    number = await session.scalar(
        update(Article)
        .where(Article.id == article.id, Article.pending_revision.is_(None))
        .values(revisions=Article.revisions + 1, pending_revision=Article.revisions + 1)
        .returning(Article.revisions)
        .execution_options(synchronize_session=False)
    )
    if number is None:
        raise ArticleError("in_review", number="?")
    await session.refresh(article)
    revision = ArticleRevision(
        article_id=article.id,
        number=int(number),
        doc=raw,
        digest=digest,
        reading_level=measure(doc.body).grade,
        state="in_review",
        step=0,
        from_revision=from_revision,
        note=note[:300],
        author_id=staff.id if staff is not None else None,
        created_at=now,
    )
    session.add(revision)
    await uses.keep(session, ref_of(article.slug), int(number), doc.media())
    service.show(article, doc, now)
    service.note(session, staff, "submit", article.slug, now, revision=int(number))
    await session.flush()
    return revision


async def renew(
    session: AsyncSession, article: Article, *, staff: StaffUser, now: datetime, note: str = ""
) -> ArticleRevision:
    """The live text, unchanged, into review again: what is due for review and still right. Raises `ArticleError`."""
    if article.live_revision is None:
        raise ArticleError("not_live")
    live = await service.revision(session, article.id, article.live_revision)
    doc = ArticleDoc.from_json(live.doc).changed(review_by=None, expires_on=None)
    return await hand_in(
        session, article, doc, staff=staff, now=now, note=note, from_revision=live.number, again=True
    )


async def withdraw(session: AsyncSession, article: Article, *, staff: StaffUser, now: datetime) -> None:
    """Take the revision in review back; the draft can be edited again. Raises `ArticleError`."""
    revision = await _hold(session, article)
    revision.state = "withdrawn"
    article.pending_revision, article.changed_at = None, now
    await _keep_text(session, article, revision, staff, now)
    service.note(session, staff, "withdraw", article.slug, now, revision=revision.number)
    await session.flush()


async def _hold(session: AsyncSession, article: Article) -> ArticleRevision:
    """As `pending`, while nobody else decides on the article before this transaction ends."""
    await session.flush()
    await session.refresh(article, with_for_update=True)
    revision = await pending(session, article)
    await session.refresh(revision)
    return revision


async def pending(session: AsyncSession, article: Article) -> ArticleRevision:
    """The revision in review, or signed by all and not yet published. Raises `ArticleError`."""
    if article.pending_revision is None:
        raise ArticleError("not_in_review")
    return await service.revision(session, article.id, article.pending_revision)


async def steps(session: AsyncSession, revision: ArticleRevision, rules: ReviewRules) -> list[Step]:
    """How far its review is, a step a stage."""
    signed = {one.stage: one for one in await sign_offs(session, revision) if one.decision == "signed"}
    open_ = revision.state == "in_review"
    return [
        Step(
            stage,
            "done" if stage.key in signed else "next" if open_ and n == revision.step else "later",
            signed.get(stage.key),
        )
        for n, stage in enumerate(rules.stages)
    ]


async def sign_offs(session: AsyncSession, revision: ArticleRevision) -> Sequence[ArticleSignOff]:
    """Every decision on a revision, oldest first."""
    return (
        await session.scalars(
            select(ArticleSignOff)
            .where(ArticleSignOff.article_id == revision.article_id, ArticleSignOff.number == revision.number)
            .order_by(ArticleSignOff.id)
        )
    ).all()


def may_sign(stage: Stage, staff: StaffUser) -> bool:
    """Whether one of the person's own roles is asked for; an administrator has no say in it."""
    return bool(stage.roles & set(staff.roles))


async def sign(
    session: AsyncSession,
    article: Article,
    rules: ReviewRules,
    *,
    staff: StaffUser,
    digest: str,
    checks: Collection[str],
    now: datetime,
    today: date,
    remark: str = "",
    publish_after: bool = True,
) -> ArticleRevision:
    """Sign the next stage of the revision in review. `digest` is of the text that was looked at, `checks` the ticked items.

    After the last stage it is published (`publish_after`) or approved. Raises `ArticleError` for the wrong role, the author, a second
    signature of one person, an open checklist item, or a text that is not the one looked at.
    """
    revision = await _decidable(session, article, digest)
    stage = rules.stages[min(revision.step, len(rules.stages) - 1)]
    await _allowed(session, revision, rules, stage, staff)
    if missing := [words for key, words in stage.checks.items() if key not in set(checks)]:
        raise ArticleError("checks_missing", items="；".join(missing))
    session.add(_sign_off(revision, stage, "signed", staff, checks, remark, now))
    revision.step += 1
    article.changed_at = now
    service.note(session, staff, "sign", article.slug, now, revision=revision.number, stage=stage.key)
    if revision.step >= len(rules.stages):
        revision.state = "approved"
    await session.flush()
    if revision.state == "approved" and publish_after:
        await publish(session, article, rules, staff=staff, now=now, today=today)
    return revision


async def send_back(
    session: AsyncSession,
    article: Article,
    rules: ReviewRules,
    *,
    staff: StaffUser,
    digest: str,
    remark: str,
    now: datetime,
) -> ArticleRevision:
    """Return the revision in review to its author, with the reason. Raises `ArticleError`."""
    revision = await _decidable(session, article, digest)
    stage = rules.stages[min(revision.step, len(rules.stages) - 1)]
    if not may_sign(stage, staff):
        raise ArticleError("not_your_stage", stage=stage.name, roles=_roles(stage))
    if not remark.strip():
        raise ArticleError("remark_needed")
    session.add(_sign_off(revision, stage, "returned", staff, (), remark, now))
    revision.state = "returned"
    article.pending_revision, article.changed_at = None, now
    await _keep_text(session, article, revision, None, now)
    service.note(session, staff, "return", article.slug, now, revision=revision.number, stage=stage.key)
    await session.flush()
    return revision


async def publish(
    session: AsyncSession,
    article: Article,
    rules: ReviewRules,
    *,
    staff: StaffUser | None,
    now: datetime,
    today: date,
) -> ArticleRevision:
    """Make the approved revision what patients read; the one before is superseded. Raises `ArticleError` when a signature is missing
    or was given over another text, or its own expiry has passed."""
    revision = await _hold(session, article)
    await _all_signed(session, article, revision, rules)
    doc = ArticleDoc.from_json(revision.doc)
    if doc.expires_on is not None and doc.expires_on <= today:
        raise ArticleError("expires_past", day=doc.expires_on)
    await session.execute(
        update(ArticleRevision)
        .where(ArticleRevision.article_id == article.id, ArticleRevision.state == "published")
        .values(state="superseded")
    )
    revision.state, revision.published_at = "published", now
    revision.expires_on = doc.expires_on or today + timedelta(days=rules.expire_after_days)
    revision.review_by = min(
        doc.review_by or today + timedelta(days=rules.review_after_days), revision.expires_on
    )
    article.live_revision, article.pending_revision = revision.number, None
    article.review_by, article.expires_on = revision.review_by, revision.expires_on
    article.published_at, article.recalled_at = now, None
    service.show(article, doc, now)
    await drafts.close(session, article, doc)
    service.note(session, staff, "publish", article.slug, now, revision=revision.number)
    await session.flush()
    return revision


async def _decidable(session: AsyncSession, article: Article, digest: str) -> ArticleRevision:
    revision = await _hold(session, article)
    if revision.state != "in_review":
        raise ArticleError("not_in_review")
    if revision.digest != digest or digest_of(revision.doc) != digest:
        raise ArticleError("text_changed")
    return revision


async def _allowed(
    session: AsyncSession, revision: ArticleRevision, rules: ReviewRules, stage: Stage, staff: StaffUser
) -> None:
    if not may_sign(stage, staff):
        raise ArticleError("not_your_stage", stage=stage.name, roles=_roles(stage))
    if stage.not_author and revision.author_id == staff.id:
        raise ArticleError("not_author", stage=stage.name)
    if rules.different_people:
        names = {one.key: one.name for one in rules.stages}
        for one in await sign_offs(session, revision):
            if one.decision == "signed" and one.staff_id == staff.id:
                raise ArticleError("signed_before", before=names.get(one.stage, one.stage), stage=stage.name)


async def _all_signed(
    session: AsyncSession, article: Article, revision: ArticleRevision, rules: ReviewRules
) -> None:
    """Each stage signed over this text, the last by a clinician who is not the author."""
    signed = {
        one.stage: one
        for one in await sign_offs(session, revision)
        if one.decision == "signed" and one.digest == revision.digest
    }
    last = signed.get(rules.stages[-1].key)
    whole = revision.state == "approved" and all(stage.key in signed for stage in rules.stages)
    if not whole or last is None or digest_of(revision.doc) != revision.digest:
        raise ArticleError("not_approved", number=revision.number)
    if not rules.stages[-1].roles <= CLINICAL or last.staff_id == revision.author_id:
        raise ArticleError("not_clinician")


async def _keep_text(
    session: AsyncSession, article: Article, revision: ArticleRevision, staff: StaffUser | None, now: datetime
) -> None:
    """What was handed in without a draft (a roll-back, an import) becomes the draft, so that it can be worked on."""
    await session.flush()
    if await drafts.find(session, article.id) is None:
        draft = await drafts.begin(session, article, staff=staff, now=now)
        draft.doc, draft.based_on = revision.doc, revision.number


def _roles(stage: Stage) -> str:
    return "、".join(say("roles", role) for role in sorted(stage.roles))


def _sign_off(
    revision: ArticleRevision,
    stage: Stage,
    decision: str,
    staff: StaffUser,
    checks: Collection[str],
    remark: str,
    now: datetime,
) -> ArticleSignOff:
    return ArticleSignOff(
        article_id=revision.article_id,
        number=revision.number,
        stage=stage.key,
        decision=decision,
        staff_id=staff.id,
        digest=revision.digest,
        checks=[key for key in stage.checks if key in set(checks)],
        remark=remark.strip()[:1000] or None,
        at=now,
    )


async def awaiting(
    session: AsyncSession, rules: ReviewRules, staff: StaffUser
) -> list[tuple[Article, Stage]]:
    """What waits for a signature this person may give, oldest first."""
    mine = [n for n, stage in enumerate(rules.stages) if may_sign(stage, staff)]
    rows = await session.execute(
        select(Article, ArticleRevision)
        .join(ArticleRevision, ArticleRevision.article_id == Article.id)
        .where(
            ArticleRevision.number == Article.pending_revision,
            ArticleRevision.state == "in_review",
            ArticleRevision.step.in_(mine),
        )
        .order_by(ArticleRevision.created_at)
        .limit(200)
    )
    return [
        (article, rules.stages[revision.step])
        for article, revision in rows
        if not (rules.stages[revision.step].not_author and revision.author_id == staff.id)
    ]
