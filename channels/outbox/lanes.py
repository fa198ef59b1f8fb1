"""Bulk by lane: what waits for one account, purpose and campaign. While something is held, the lanes that are not are claimed
one by one, so that a stopped campaign of a million messages in front costs a running one nothing.

The lanes are found by one look into their index each, never by walking through what waits in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.holds import Held
from channels.outbox.models import OutboundMessage

_QUEUED: ColumnElement[str] = literal_column("'queued'")
_ZERO: ColumnElement[int] = literal_column("0")
"""Said in words, not as parameters, so that both databases know the lanes' index will do."""


IN_LANE = (
    OutboundMessage.status == _QUEUED,
    OutboundMessage.priority > _ZERO,
    OutboundMessage.lane == bindparam("of_lane"),
)
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
    names = await session.scalars(_lanes(session.get_bind().dialect.name == "sqlite"))
    return [lane for name in names if not (lane := Lane(name, *name.split("|", 3))).is_held(held)]


@cache
def _lanes(sqlite: bool) -> Any:
    """The lanes' names, by steps from each to the next: one look into the index a step. SQLite would rather walk through the
    whole queue, and is told."""
    table = "outbound_message" + (" INDEXED BY ix_outbound_message_lane_priority_due_at_id" if sqlite else "")
    waits = "status = 'queued' AND priority > 0"
    first = "ORDER BY priority, due_at, id LIMIT 1"
    return text(
        f"""
        WITH RECURSIVE lanes(name) AS (
            SELECT (SELECT lane FROM {table} WHERE {waits} ORDER BY lane LIMIT 1)
            UNION ALL
            SELECT (SELECT lane FROM {table} WHERE {waits} AND lane > lanes.name ORDER BY lane LIMIT 1)
            FROM lanes WHERE lanes.name IS NOT NULL
        )
        SELECT lanes.name FROM lanes WHERE lanes.name IS NOT NULL
        ORDER BY
            (SELECT priority FROM {table} WHERE {waits} AND lane = lanes.name {first}),
            (SELECT due_at FROM {table} WHERE {waits} AND lane = lanes.name {first})
        """  # noqa: S608 (constants)
    )
