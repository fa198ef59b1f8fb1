"""What people have stopped: a campaign, a channel, an account, a purpose, or everything (the emergency stop).

Held messages stay queued and leave when the hold is lifted; `abort_campaign` gives up what is queued for good. An answer to an
emergency (`URGENT_PRIORITY`, purpose `reply`) leaves whatever is stopped: a patient in danger is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryHold, OutboundMessage
from channels.outbox.service import URGENT_PRIORITY


class Scope(StrEnum):
    """What a hold covers; its `key` is empty, a channel, `channel/account`, a campaign or a purpose."""

    ALL = "all"
    CHANNEL = "channel"
    ACCOUNT = "account"
    CAMPAIGN = "campaign"
    PURPOSE = "purpose"


_HOLD: Any = DeliveryHold.__table__
_ACTIVE = select(_HOLD.c.scope, _HOLD.c.key).where(_HOLD.c.lifted_at.is_(None))
_LISTS = {
    Scope.CHANNEL: "held_channels",
    Scope.ACCOUNT: "held_accounts",
    Scope.CAMPAIGN: "held_campaigns",
    Scope.PURPOSE: "held_purposes",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The active holds, as parameters of `is_held`. `any` is false when nothing is held."""

    params: dict[str, Any]

    @property
    def any(self) -> bool:
        return bool(self.params["held_all"]) or any(self.params[name] for name in _LISTS.values())


def is_held(table: Any) -> ColumnElement[bool]:
    """Whether a row of `table` (`OutboundMessage` or an alias of it) may not leave now; its parameters are `Held.params`."""
    account = table.channel + "/" + table.account_id

    def among(column: Any, scope: Scope) -> Any:
        return column.in_(bindparam(_LISTS[scope], expanding=True))

    stopped = or_(
        bindparam("held_all", type_=Integer) == 1,
        among(table.channel, Scope.CHANNEL),
        among(account, Scope.ACCOUNT),
        among(func.coalesce(table.campaign, ""), Scope.CAMPAIGN),
        among(table.purpose, Scope.PURPOSE),
    )
    return and_(stopped, not_(and_(table.purpose == "reply", table.priority <= URGENT_PRIORITY)))


async def held(session: AsyncSession) -> Held:
    """What is held now; asked once a claim."""
    params: dict[str, Any] = {"held_all": 0, **{name: [] for name in _LISTS.values()}}
    for scope, key in await session.execute(_ACTIVE):
        if scope == Scope.ALL:
            params["held_all"] = 1
        else:
            params[_LISTS[Scope(scope)]].append(key)
    return Held(params)


async def active(session: AsyncSession) -> list[DeliveryHold]:
    """The holds in force, newest first."""
    rows = select(DeliveryHold).where(DeliveryHold.lifted_at.is_(None)).order_by(DeliveryHold.set_at.desc())
    return list(await session.scalars(rows))


async def hold(
    session: AsyncSession,
    scope: Scope,
    key: str = "",
    *,
    reason: str,
    now: datetime,
    by: UUID | None = None,
) -> tuple[DeliveryHold, bool]:
    """Stop what `scope` and `key` cover, from the next claim on (what is in a vendor's hands is beyond recall).

    Returns the hold and whether it is new; one in force is left as it is. Raises `ValueError` for a key that names nothing.
    """
    if (scope is Scope.ALL) != (not key):
        raise ValueError(f"a hold of scope {scope} with the key {key!r}")
    found = await session.scalar(
        select(DeliveryHold).where(
            DeliveryHold.scope == scope, DeliveryHold.key == key, DeliveryHold.lifted_at.is_(None)
        )
    )
    if found is not None:
        return found, False
    made = DeliveryHold(scope=scope, key=key, reason=reason[:200], set_by=by, set_at=now)
    session.add(made)
    await session.flush()
    return made, True


async def lift(session: AsyncSession, hold_id: UUID, *, now: datetime, by: UUID | None = None) -> bool:
    """Let go what the hold kept back. False when it was lifted before, or never was."""
    lifted = await session.execute(
        update(DeliveryHold)
        .where(DeliveryHold.id == hold_id, DeliveryHold.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by)
        .returning(DeliveryHold.id)
        .execution_options(synchronize_session=False)
    )
    return lifted.first() is not None


async def abort_campaign(session: AsyncSession, campaign: str, *, reason: str, now: datetime) -> int:
    """Suppress all of the campaign that is still queued, for good; how many. What is in a vendor's hands is beyond recall."""
    return await _abort(session, OutboundMessage.campaign == campaign, reason, now)


async def take_back(
    session: AsyncSession, campaign: str, which: ColumnElement[bool], *, reason: str, now: datetime
) -> int:
    """The same for those of the campaign's messages that `which` (over `OutboundMessage`) holds of."""
    return await _abort(session, and_(OutboundMessage.campaign == campaign, which), reason, now)


async def _abort(session: AsyncSession, which: ColumnElement[bool], reason: str, now: datetime) -> int:
    done = await session.execute(
        update(OutboundMessage)
        .where(which, OutboundMessage.status == "queued")
        .values(status="suppressed", reason=reason[:200], finished_at=now, due_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(done, "rowcount", 0))


def covers(holds: Sequence[DeliveryHold], message: OutboundMessage) -> DeliveryHold | None:
    """The hold that keeps `message` back, for people who ask why it does not leave."""
    if message.purpose == "reply" and message.priority <= URGENT_PRIORITY:
        return None
    of_message = {
        (Scope.ALL, ""),
        (Scope.CHANNEL, message.channel),
        (Scope.ACCOUNT, f"{message.channel}/{message.account_id}"),
        (Scope.CAMPAIGN, message.campaign or ""),
        (Scope.PURPOSE, message.purpose),
    }
    return next((one for one in holds if (one.scope, one.key) in of_message), None)
