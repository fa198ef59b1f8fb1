"""How each vendor account is doing: its token, its last push, the vendor's limits, suspicious silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.inbox.models import InboundMessage
from channels.ops import usage
from channels.ops.ports import AccountFacts
from channels.outbox.models import DeliveryAttempt, OutboundMessage

NEWEST = 3000
"""Rows looked at, by id (they are ordered by time): silence and refusals are read from them, not from the whole table."""
LIMIT_CODES = frozenset({"45009", "45011", "isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL"})
"""The vendors' words for "you have sent too much"; channels.md tables (b)."""
STOP_CODES = frozenset(
    {
        "isv.OUT_OF_SERVICE",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.ACCOUNT_ABNORMAL",
        "45087",
        "48001",
        "40125",
        "40243",
    }
)
"""The vendors' words for "this account cannot send at all"."""
NORMALLY = 5
"""So many pushes in the silent span on an ordinary day make the silence suspicious."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The newest refusal of a kind: the vendor's code and when."""

    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """`silent_for` is set while nothing has come in for longer than is usual: WeChat marks servers that fail as down
    (MarkFail) and then sends nothing for minutes. `expected` is how many pushes the same span usually brings."""

    facts: AccountFacts
    last_push: datetime | None
    silent_for: timedelta | None
    expected: float
    limit: Refused | None
    stopped: Refused | None
    used: Sequence[usage.Used] = ()

    @property
    def state(self) -> str:
        """ok, watch (look at it) or bad (it cannot work)."""
        if self.facts.problem or self.stopped is not None:
            return "bad"
        return "watch" if self.silent_for is not None or self.limit is not None else "ok"


async def accounts(
    session: AsyncSession, facts: Sequence[AccountFacts], now: datetime, silence: timedelta
) -> list[AccountHealth]:
    """One entry an account. `silence`: how long without a push before it is compared with what is usual."""
    pushes: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    rows = await session.execute(
        select(InboundMessage.channel, InboundMessage.account_id, InboundMessage.received_at)
        .order_by(InboundMessage.id.desc())
        .limit(NEWEST)
    )
    for channel, account, at in rows:
        pushes[channel, account].append(at)
    limits, stops = await _refusals(session, now)
    used = await usage.today(session, now)
    found = []
    for one in facts:
        key = (one.channel, one.account_id)
        times = sorted(pushes[key])
        expected, silent = _silence(times, now, silence)
        found.append(
            AccountHealth(
                one,
                times[-1] if times else None,
                silent,
                expected,
                limits.get(key),
                stops.get(key),
                usage.of(one, used.get(key, {})),
            )
        )
    return found


def _silence(times: Sequence[datetime], now: datetime, silence: timedelta) -> tuple[float, timedelta | None]:
    """How many pushes `silence` usually brings (by the time from the first to the last one known), and the silence."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0, None
    expected = (len(times) - 1) * (silence / (times[-1] - times[0]))
    gone = now - times[-1]
    return expected, gone if gone >= silence and expected >= NORMALLY else None


async def _refusals(
    session: AsyncSession, now: datetime
) -> tuple[dict[tuple[str, str], Refused], dict[tuple[str, str], Refused]]:
    """By account: the newest word about a limit, and about the account, within a day and not followed by a success."""
    newest = (
        select(
            DeliveryAttempt.outbound_id,
            DeliveryAttempt.verdict,
            DeliveryAttempt.code,
            DeliveryAttempt.started_at,
            DeliveryAttempt.id,
        )
        .order_by(DeliveryAttempt.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    rows = await session.execute(
        select(
            OutboundMessage.channel,
            OutboundMessage.account_id,
            newest.c.verdict,
            newest.c.code,
            newest.c.started_at,
        )
        .join(OutboundMessage, OutboundMessage.id == newest.c.outbound_id)
        .where(newest.c.started_at >= now - timedelta(days=1))
        .order_by(newest.c.id.desc())
    )
    limits: dict[tuple[str, str], Refused] = {}
    stops: dict[tuple[str, str], Refused] = {}
    works: set[tuple[str, str]] = set()
    for channel, account, verdict, code, at in rows:
        key = (channel, account)
        if verdict == "accepted":
            works.add(key)
        elif code in LIMIT_CODES:
            limits.setdefault(key, Refused(code, at))
        elif code in STOP_CODES and key not in works:
            stops.setdefault(key, Refused(code, at))
    return limits, stops
