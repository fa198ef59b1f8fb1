"""Recalling what was published, and the list of who received it. Nothing here commits.

Who received it is known from `outbound_message` (content and revision). What is still queued is stopped at the gate
(`sendable.ArticleContents`), at the moment of sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, distinct, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from content.articles import service
from content.articles.errors import ArticleError
from content.articles.models import Article, ArticleRevision
from content.articles.refs import ref_of
from store import audit
from store.events import PatientEvent
from web.signin.models import StaffUser

RECEIVED = ("accepted", "delivered", "uncertain", "sending")
"""States of a message that reached, or may have reached, its person."""
EVENT = "content.recalled"
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person's newest message with the text. `status`: delivered, accepted, uncertain, sending."""

    patient_id: UUID | None
    contact_id: UUID
    channel: str
    revision: int | None
    status: str
    at: datetime
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Reach:
    """`people` who got it, `messages` that carried it, `queued` that will now be stopped."""

    people: int
    messages: int
    queued: int


async def recall(
    session: AsyncSession,
    article: Article,
    *,
    reason: str,
    staff: StaffUser,
    now: datetime,
    numbers: Sequence[int] | None = None,
) -> Reach:
    """Nobody reads or is sent these revisions any more (`numbers`; default: every published or superseded one).

    Each patient who received one gets the event `content.recalled`. Raises `ArticleError` without a reason, or with nothing to recall.
    """
    if not reason.strip():
        raise ArticleError("reason_needed")
    await session.flush()
    await session.refresh(article, with_for_update=True)
    given = [ArticleRevision.number.in_(numbers)] if numbers is not None else []
    recalled = (
        await session.scalars(
            update(ArticleRevision)
            .where(
                ArticleRevision.article_id == article.id,
                ArticleRevision.state.in_(("published", "superseded")),
                *given,
            )
            .values(
                state="recalled", recalled_at=now, recalled_by=staff.id, recall_reason=reason.strip()[:300]
            )
            .returning(ArticleRevision.number)
            .execution_options(synchronize_session=False)
        )
    ).all()
    if not recalled:
        if numbers and article.recalled_at is not None:
            raise ArticleError("recalled_already", number=numbers[0])
        raise ArticleError("not_live")
    if article.live_revision in recalled:
        article.live_revision = article.review_by = article.expires_on = None
        article.recalled_at = now
    article.changed_at = now
    service.note(session, staff, "recall", article.slug, now, revisions=sorted(recalled))
    await session.flush()
    got = await reach(session, article.slug, recalled)
    await _tell(session, article.slug, sorted(recalled), now)
    return got


async def reach(session: AsyncSession, slug: str, numbers: Sequence[int] | None = None) -> Reach:
    """How many received the article (`numbers`: these revisions only); counts, no person's data."""
    people, messages = (
        await session.execute(
            select(
                func.count(distinct(func.coalesce(OutboundMessage.patient_id, OutboundMessage.contact_id))),
                func.count(),
            ).where(*_carried(slug, numbers), OutboundMessage.status.in_(RECEIVED))
        )
    ).one()
    queued = await session.scalar(
        select(func.count()).where(*_carried(slug, numbers), OutboundMessage.status == "queued")
    )
    return Reach(int(people), int(messages), int(queued or 0))


async def recipients(
    session: AsyncSession,
    slug: str,
    *,
    staff: StaffUser,
    now: datetime,
    numbers: Sequence[int] | None = None,
    after: UUID | None = None,
    limit: int = SHOWN,
) -> list[Recipient]:
    """Who received it, a message a line, oldest first; `after`: the `message_id` of the last line shown.

    Each patient shown is written to the audit trail as read by `staff`: call it in a writing session.
    """
    wanted = select(OutboundMessage).where(*_carried(slug, numbers), OutboundMessage.status.in_(RECEIVED))
    if after is not None:
        wanted = wanted.where(OutboundMessage.id > after)
    rows = (await session.scalars(wanted.order_by(OutboundMessage.id).limit(limit))).all()
    seen = dict.fromkeys(row.patient_id for row in rows if row.patient_id is not None)
    whom = [audit.subject_of("patient", patient_id) for patient_id in seen]
    audit.read(session, staff.id, whom, now, "article_recipients", article=slug)
    return [
        Recipient(
            patient_id=row.patient_id,
            contact_id=row.contact_id,
            channel=row.channel,
            revision=row.content_revision,
            status=row.status,
            at=row.finished_at or row.created_at,
            message_id=row.id,
        )
        for row in rows
    ]


def _carried(slug: str, numbers: Sequence[int] | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [OutboundMessage.content_ref == ref_of(slug)]
    if numbers is not None:
        wanted.append(OutboundMessage.content_revision.in_(numbers))
    return wanted


async def _tell(session: AsyncSession, slug: str, numbers: Sequence[int], now: datetime) -> None:
    """An event for each patient who received it, in one statement."""
    people = (
        select(
            OutboundMessage.patient_id,
            literal(EVENT),
            literal(now, PatientEvent.at.type),
            literal({"article": slug, "revisions": list(numbers)}, PatientEvent.data.type),
        )
        .where(
            *_carried(slug, numbers),
            OutboundMessage.status.in_(RECEIVED),
            OutboundMessage.patient_id.is_not(None),
        )
        .group_by(OutboundMessage.patient_id)
    )
    columns = ["patient_id", "kind", "at", "data"]
    await session.execute(insert(PatientEvent).from_select(columns, people))
