"""What people have stopped, as the pages show it, with the names of who did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import holds as switches
from channels.outbox.models import DeliveryHold, OutboundMessage
from store import audit
from web.signin import staffing

CAMPAIGNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A stop and the names of who set and lifted it (empty: the system did)."""

    hold: DeliveryHold
    set_by: str
    lifted_by: str


async def active(session: AsyncSession) -> list[HoldLine]:
    """What is stopped now, the newest first."""
    return await _named(session, await switches.active(session))


async def past(session: AsyncSession, limit: int = 10) -> list[HoldLine]:
    """The last stops that were lifted again."""
    rows = select(DeliveryHold).where(DeliveryHold.lifted_at.is_not(None))
    newest = rows.order_by(DeliveryHold.lifted_at.desc()).limit(limit)
    return await _named(session, list(await session.scalars(newest)))


async def _named(session: AsyncSession, holds: Sequence[DeliveryHold]) -> list[HoldLine]:
    names = await staffing.names(session, {one for hold in holds for one in (hold.set_by, hold.lifted_by)})
    return [HoldLine(one, names.get(one.set_by, ""), names.get(one.lifted_by, "")) for one in holds]


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign that still has something to send, or is stopped."""

    name: str
    waiting: int
    sent: int
    failed: int
    hold: DeliveryHold | None

    @property
    def total(self) -> int:
        return self.waiting + self.sent + self.failed


async def campaigns(session: AsyncSession, stopped: Sequence[HoldLine]) -> list[CampaignLine]:
    """Campaigns with messages waiting, and those that are stopped."""
    holds = {one.hold.key: one.hold for one in stopped if one.hold.scope == "campaign"}
    waiting = await session.scalars(
        select(OutboundMessage.campaign)
        .where(OutboundMessage.campaign.is_not(None), OutboundMessage.status == "queued")
        .distinct()
        .order_by(OutboundMessage.campaign)
        .limit(CAMPAIGNS_SHOWN)
    )
    names = sorted({*holds, *(name for name in waiting if name)})
    counts: dict[str, dict[str, int]] = {name: {} for name in names}
    rows = await session.execute(
        select(OutboundMessage.campaign, OutboundMessage.status, func.count())
        .where(OutboundMessage.campaign.in_(names))
        .group_by(OutboundMessage.campaign, OutboundMessage.status)
    )
    for name, status, number in rows:
        counts[str(name)][status] = number

    def line(name: str) -> CampaignLine:
        of = counts[name]
        return CampaignLine(
            name,
            waiting=of.get("queued", 0) + of.get("sending", 0),
            sent=sum(of.get(one, 0) for one in ("accepted", "delivered", "passed_on")),
            failed=sum(of.get(one, 0) for one in ("failed", "uncertain", "suppressed")),
            hold=holds.get(name),
        )

    return [line(name) for name in names]


async def stop(
    session: AsyncSession, scope: switches.Scope, key: str, reason: str, staff_id: UUID, now: datetime
) -> bool:
    """Nothing of this scope is claimed until it is lifted. False: it was stopped already, by whoever the page names."""
    _, new = await switches.hold(session, scope, key, reason=reason, now=now, by=staff_id)
    if new:
        _audit(session, "delivery_stop", f"{scope}:{key}", staff_id, now)
    return new


async def lift(session: AsyncSession, hold_id: UUID, staff_id: UUID, now: datetime) -> bool:
    """Let it go on; False when it was lifted before."""
    done = await switches.lift(session, hold_id, now=now, by=staff_id)
    if done:
        _audit(session, "delivery_resume", f"hold:{hold_id}", staff_id, now)
    return done


async def abort_campaign(session: AsyncSession, campaign: str, staff_id: UUID, now: datetime) -> int:
    """What a campaign has not sent yet is never sent; how many messages that were."""
    number = await switches.abort_campaign(session, campaign, reason="aborted", now=now)
    _audit(session, "delivery_abort", f"campaign:{campaign}", staff_id, now, number)
    return number


def _audit(
    session: AsyncSession, action: str, subject: str, staff_id: UUID, now: datetime, number: int | None = None
) -> None:
    detail = {} if number is None else {"messages": number}
    actor = audit.subject_of("staff", staff_id)
    audit.record(
        session, actor=actor, action=action, subject=f"delivery:{subject}"[:120], at=now, detail=detail
    )
