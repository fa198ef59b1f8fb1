"""Bulk by lane: what waits for one account, purpose and campaign. While something is held, the lanes that are not are claimed
one by one, so that a stopped campaign of a million messages in front costs a running one nothing.

The lanes are found by one look into their index each, never by walking through what waits in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.holds import Held
from channels.outbox.models import OutboundMessage

_QUEUED: ColumnElement[str] = literal_column("'queued'")
_ZERO: ColumnElement[int] = literal_column("0")


def _waits(table: Any) -> tuple[ColumnElement[bool], ...]:
    """Bulk that waits: said in words, not as parameters, so that both databases know the lanes' index will do."""
    return table.status == _QUEUED, table.priority > _ZERO


IN_LANE = (*_waits(OutboundMessage), OutboundMessage.lane == bindparam("of_lane"))
"""What waits in the lane of the parameter `of_lane`."""


@dataclass(frozen=True, slots=True)
class Lane:
    """`name` is the rows' `lane`."""

    name: str
    channel: str
    account_id: str
    purpose: str
    campaign: str

    @property
    def account(self) -> str:
        return f"{self.channel}/{self.account_id}"

    def is_held(self, held: Held) -> bool:
        """As `holds.is_held` says of its rows: no bulk is an answer to an emergency."""
        stopped = held.params
        return (
            bool(stopped["held_all"])
            or self.channel in stopped["held_channels"]
            or self.account in stopped["held_accounts"]
            or self.campaign in stopped["held_campaigns"]
            or self.purpose in stopped["held_purposes"]
        )


async def free(session: AsyncSession, held: Held) -> Sequence[Lane]:
    """Lanes in which something waits and that are not held, the one whose first message comes first in front."""
    found = [Lane(name, *name.split("|", 3)) for name in await session.scalars(_lanes())]
    return [lane for lane in found if not lane.is_held(held)]


@cache
def _lanes() -> Any:
    """The lanes' names, by steps from each to the next."""
    table: Any = OutboundMessage.__table__

    def following(name: str, before: ColumnElement[str] | None) -> Any:
        row = table.alias(name)
        rows = select(row.c.lane).where(*_waits(row.c)).order_by(row.c.lane).limit(1)
        return (rows if before is None else rows.where(row.c.lane > before)).scalar_subquery()

    steps = select(following("one", None).label("lane")).cte("lanes", recursive=True)
    steps = steps.union_all(select(following("next", steps.c.lane)).where(steps.c.lane.is_not(None)))
    head = table.alias("head")
    first = (
        select(head.c.priority, head.c.due_at).where(*_waits(head.c), head.c.lane == steps.c.lane)
    ).order_by(head.c.priority, head.c.due_at, head.c.id)
    return (
        select(steps.c.lane)
        .where(steps.c.lane.is_not(None))
        .order_by(
            first.with_only_columns(head.c.priority).limit(1).scalar_subquery(),
            first.with_only_columns(head.c.due_at).limit(1).scalar_subquery(),
        )
    )
