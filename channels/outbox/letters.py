"""Dead letters: what failed or is uncertain, by reason; sending it again is a person's choice, and kept in the audit trail.
And back-pressure: how many more messages a campaign may queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryAttempt, OutboundMessage
from store import audit

DEAD = ("failed", "uncertain")
_TRIES = (
    select(func.coalesce(func.max(DeliveryAttempt.n), 0))
    .where(DeliveryAttempt.outbound_id == OutboundMessage.id)
    .scalar_subquery()
)
QUEUED_MOST = 20_000
"""Messages with a priority below conversation that may wait at once, all campaigns together. At the slowest account's 30 a
second that is eleven minutes of work: what is decided about a campaign (its words, its patients, a stop) still counts then."""


@dataclass(frozen=True, slots=True)
class Heap:
    """How many messages ended as `status` for the same `reason` on one channel, and when the last did."""

    status: str
    channel: str
    reason: str
    count: int
    last: datetime | None


async def heaps(session: AsyncSession) -> list[Heap]:
    """Dead letters by status, channel and reason, the largest first."""
    row = OutboundMessage
    count = func.count()
    rows = await session.execute(
        select(row.status, row.channel, row.reason, count, func.max(row.finished_at))
        .where(row.status.in_(DEAD))
        .group_by(row.status, row.channel, row.reason)
        .order_by(count.desc())
    )
    return [
        Heap(status, channel, reason or "", number, last) for status, channel, reason, number, last in rows
    ]


async def letters(
    session: AsyncSession, status: str, reason: str | None = None, *, limit: int = 100
) -> list[OutboundMessage]:
    """Dead letters, the newest first; `reason` None: whatever the reason."""
    if status not in DEAD:
        raise ValueError(f"{status!r} is no dead letter's status")
    rows = select(OutboundMessage).where(OutboundMessage.status == status)
    if reason is not None:
        rows = rows.where(func.coalesce(OutboundMessage.reason, "") == reason)
    return list(await session.scalars(rows.order_by(OutboundMessage.finished_at.desc()).limit(limit)))


async def redrive(session: AsyncSession, ids: Sequence[UUID], *, by: UUID, now: datetime) -> list[UUID]:
    """Queue failed and uncertain messages once more, with every rung open to them again; which ones were.

    What is uncertain may reach the person twice then: that is for the operator `by` to weigh. What has arrived or is on its way
    by now is left alone. The gate is asked again as ever.
    """
    done = await session.scalars(
        update(OutboundMessage)
        .where(OutboundMessage.id.in_(ids), OutboundMessage.status.in_(DEAD))
        .values(status="queued", due_at=now, attempts=0, reason=None, finished_at=None, first_n=_TRIES + 1)
        .returning(OutboundMessage.id)
        .execution_options(synchronize_session=False)
    )
    again = list(done)
    for one in again:
        audit.record(
            session,
            actor=audit.subject_of("staff", by),
            action="redrive",
            subject=audit.subject_of("outbound", one),
            at=now,
        )
    return again


async def room(session: AsyncSession, campaign: str, *, most: int = QUEUED_MOST) -> int:
    """How many more messages may be queued for `campaign` now. A launcher queues so many and comes back later; 0: not yet.

    A campaign that is alone may use all of `most`; with others each waiting campaign has its share, so that the first one in
    does not shut the others out.
    """
    rows = await session.execute(
        select(OutboundMessage.campaign, func.count())
        .where(OutboundMessage.campaign.is_not(None), OutboundMessage.status == "queued")
        .group_by(OutboundMessage.campaign)
    )
    waiting = {str(name): int(count) for name, count in rows}
    own = waiting.pop(campaign, 0)
    share = most // (len(waiting) + 1)
    return max(0, min(most - sum(waiting.values()) - own, share - own))
