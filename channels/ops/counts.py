"""How much is where: the queue now, what became of the last hours or days, and the reasons given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, desc, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryAttempt, OutboundMessage
from store.clock import Clock

Account = tuple[str, str]
"""Channel and account id."""

ENDS = ("delivered", "accepted", "passed_on", "suppressed", "failed", "uncertain")
"""What a message ends as, the best first. What is still queued or being sent is counted as `waiting`."""
REASONS_SHOWN = 12
ATTEMPTS_LOOKED_AT = 5000
"""The newest attempts by id: rates come from them, so that no count walks a table of millions."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One account's messages that have not ended. `due` waits only for its turn, `held` for the moment the gate or a
    vendor named, `later` for its own time; `oldest` is when the first of `due` should have left."""

    due: int = 0
    held: int = 0
    later: int = 0
    sending: int = 0
    uncertain: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One column of the trend: an hour or a day that began at `start`, and how many messages of it ended how."""

    start: datetime
    ended: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.ended.values())


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Why messages did not go out: `reason` is the gate's code or the vendor's."""

    reason: str
    status: str
    channel: str
    count: int


@dataclass(frozen=True, slots=True)
class Period:
    """What became of the messages made in the last 24 hours or 14 days, in the hospital's hours or days."""

    slots: Sequence[Slot]
    ended: Mapping[Account, Mapping[str, int]]
    reasons: Sequence[ReasonCount] = field(default_factory=tuple)

    def of(self, account: Account, status: str) -> int:
        return self.ended.get(account, {}).get(status, 0)

    def total(self, status: str) -> int:
        return sum(counts.get(status, 0) for counts in self.ended.values())


async def queues(session: AsyncSession, now: datetime) -> dict[Account, Queue]:
    """What waits, is on its way or is unclear, by account. One pass over the open rows (index status, priority, due_at)."""
    queued = OutboundMessage.status == "queued"
    due = and_(queued, OutboundMessage.due_at <= now)
    later = and_(queued, OutboundMessage.due_at > now)

    def count(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    rows = await session.execute(
        select(
            OutboundMessage.channel,
            OutboundMessage.account_id,
            count(due),
            count(and_(later, OutboundMessage.reason.is_not(None))),
            count(and_(later, OutboundMessage.reason.is_(None))),
            count(OutboundMessage.status == "sending"),
            count(OutboundMessage.status == "uncertain"),
            func.min(case((due, OutboundMessage.due_at))),
        )
        .where(OutboundMessage.status.in_(("queued", "sending", "uncertain")))
        .group_by(OutboundMessage.channel, OutboundMessage.account_id)
    )
    return {(row[0], row[1]): Queue(*row[2:]) for row in rows}


def window_starts(clock: Clock, window: str) -> list[datetime]:
    """The beginnings of the trend's hours (`24h`) or days (`14d`), in UTC, oldest first; the last one is running."""
    local = clock.local_naive()
    if window == "14d":
        today = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return [clock.to_utc(today - timedelta(days=back)) for back in range(13, -1, -1)]
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    return [hour - timedelta(hours=back) for back in range(23, -1, -1)]


async def period(session: AsyncSession, clock: Clock, window: str, channel: str = "") -> Period:
    """The messages made since the first of `window_starts`, counted by the hour in the database and folded here."""
    starts = window_starts(clock, window)
    made = [OutboundMessage.created_at >= starts[0]]
    if channel:
        made.append(OutboundMessage.channel == channel)
    hour = _hour(session)
    rows = await session.execute(
        select(
            hour, OutboundMessage.channel, OutboundMessage.account_id, OutboundMessage.status, func.count()
        )
        .where(*made)
        .group_by(hour, OutboundMessage.channel, OutboundMessage.account_id, OutboundMessage.status)
    )
    slots = [Counter[str]() for _ in starts]
    ended: dict[Account, Counter[str]] = {}
    for at, of_channel, account, status, number in rows:
        name = status if status in ENDS else "waiting"
        slots[_place(starts, str(at))][name] += number
        ended.setdefault((of_channel, account), Counter())[name] += number
    number_of = func.count().label("number")
    reasons = await session.execute(
        select(OutboundMessage.reason, OutboundMessage.status, OutboundMessage.channel, number_of)
        .where(*made, OutboundMessage.reason.is_not(None), OutboundMessage.reason != "")
        .group_by(OutboundMessage.reason, OutboundMessage.status, OutboundMessage.channel)
        .order_by(desc(number_of), OutboundMessage.reason)
        .limit(REASONS_SHOWN)
    )
    return Period(
        [Slot(start, counts) for start, counts in zip(starts, slots, strict=True)],
        ended,
        [ReasonCount(str(row[0]), *row[1:]) for row in reasons],
    )


def _hour(session: AsyncSession) -> Any:
    """The UTC hour a message was made in, as `2026-11-22T01`, on either database."""
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m-%dT%H", OutboundMessage.created_at)
    return func.to_char(func.timezone("UTC", OutboundMessage.created_at), 'YYYY-MM-DD"T"HH24')


def _place(starts: Sequence[datetime], hour: str) -> int:
    at = datetime.fromisoformat(f"{hour}:00:00+00:00")
    return max((number for number, start in enumerate(starts) if start <= at), default=0)


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a vendor has accepted in the last minute and the last five."""

    minute: int
    five: int


async def rate(session: AsyncSession, now: datetime) -> Rate:
    """How fast messages leave, from the newest attempts; at the top of what is looked at it says at least so many."""
    newest = (
        select(DeliveryAttempt.verdict, DeliveryAttempt.finished_at)
        .order_by(DeliveryAttempt.id.desc())
        .limit(ATTEMPTS_LOOKED_AT)
        .subquery()
    )
    accepted = newest.c.verdict == "accepted"

    def since(back: timedelta) -> Any:
        return func.coalesce(
            func.sum(case((and_(accepted, newest.c.finished_at >= now - back), 1), else_=0)), 0
        )

    row = (await session.execute(select(since(timedelta(minutes=1)), since(timedelta(minutes=5))))).one()
    return Rate(row[0], row[1])
