"""How much of each account's day is used: our own count of what was tried, as the vendors tell nobody how much is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.chinatime import CHINA
from channels.ops.ports import AccountFacts
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung
from store.clock import real_now

Account = tuple[str, str]
CALLED = ("started", "accepted", "refused", "uncertain")
"""Verdicts of attempts that reached the vendor, or may have."""
MARGIN = timedelta(hours=1)
ORDER = (Rung.CUSTOM, Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE, Rung.TEMPLATE, Rung.SMS)


@dataclass(frozen=True, slots=True)
class Used:
    """What an account sent today by one way, in the vendor's messages (a long text takes several). `limit` a day; 0: none is
    known."""

    rung: str
    count: int
    limit: int = 0

    @property
    def left(self) -> int:
        return max(0, self.limit - self.count)


def day_began(now: datetime) -> datetime:
    """The vendors' daily counters begin at midnight in China:
    https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html"""
    return now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


async def today(session: AsyncSession, now: datetime) -> dict[Account, dict[str, int]]:
    """Vendor's messages by account and rung since midnight. Reads today's attempts only: ids are ordered by (real) time."""
    began = day_began(now)
    first = UUID(int=int((real_now() - (now - began) - MARGIN).timestamp() * 1000) << 80)
    rows = await session.execute(
        select(
            OutboundMessage.channel,
            OutboundMessage.account_id,
            DeliveryAttempt.rung,
            func.sum(func.coalesce(DeliveryAttempt.parts, 1)),
        )
        .join(OutboundMessage, OutboundMessage.id == DeliveryAttempt.outbound_id)
        .where(
            DeliveryAttempt.id >= first,
            DeliveryAttempt.started_at >= began,
            DeliveryAttempt.verdict.in_(CALLED),
            DeliveryAttempt.rung.in_([str(rung) for rung in ORDER]),
        )
        .group_by(OutboundMessage.channel, OutboundMessage.account_id, DeliveryAttempt.rung)
    )
    found: dict[Account, dict[str, int]] = {}
    for channel, account, rung, number in rows:
        found.setdefault((channel, account), {})[rung] = int(number)
    return found


def of(facts: AccountFacts, counted: Mapping[str, int]) -> list[Used]:
    """What was used, and what has a limit."""
    return [
        Used(str(rung), counted.get(rung, 0), facts.daily.get(rung, 0))
        for rung in ORDER
        if rung in counted or rung in facts.daily
    ]
