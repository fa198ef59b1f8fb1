"""A conversation as staff read it: both directions, media, how each message was delivered, and what people did beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from care.desk.models import DeskEntry
from channels.inbox.models import InboundMessage
from channels.media.models import MediaItem
from channels.outbox.models import OutboundMessage

T = TypeVar("T")
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened: exactly one of `heard`, `said`, `entry` is set. `medium`: what came with `heard`."""

    at: datetime
    heard: InboundMessage | None = None
    said: OutboundMessage | None = None
    entry: DeskEntry | None = None
    medium: MediaItem | None = None

    @property
    def side(self) -> str:
        """Who speaks: patient, staff, bot, push (what we began), or desk (among staff)."""
        if self.heard is not None:
            return "patient"
        if self.said is None:
            return "desk"
        if self.said.purpose == "staff_reply":
            return "staff"
        return "bot" if self.said.purpose == "reply" else "push"


@dataclass(frozen=True, slots=True)
class Transcript:
    """`lines`, the oldest first; `earlier`: before when there is more, or None. `understood`: the last text the bot made something
    of."""

    lines: list[Line]
    earlier: datetime | None
    understood: InboundMessage | None


async def transcript(
    session: AsyncSession, conversation_id: UUID, before: datetime | None = None
) -> Transcript:
    """The newest `SHOWN` lines, or those before a moment."""
    of = conversation_id
    heard = await _newest(
        session,
        select(InboundMessage).where(InboundMessage.conversation_id == of),
        InboundMessage.received_at,
        before,
    )
    said = await _newest(
        session,
        select(OutboundMessage).where(OutboundMessage.conversation_id == of),
        OutboundMessage.created_at,
        before,
    )
    steps = await _newest(
        session, select(DeskEntry).where(DeskEntry.conversation_id == of), DeskEntry.at, before
    )
    items = await session.scalars(
        select(MediaItem).where(MediaItem.inbound_id.in_([one.id for one in heard if one.kind == "media"]))
    )
    media = {item.inbound_id: item for item in items}
    lines = [
        *(Line(one.received_at, heard=one, medium=media.get(one.id)) for one in heard if not _silent(one)),
        *(Line(one.created_at, said=one) for one in said if one.status != "passed_on"),
        *(Line(one.at, entry=one) for one in steps),
    ]
    lines.sort(key=lambda line: (line.at, line.said is not None, line.entry is not None))
    whole = max(len(heard), len(said), len(steps)) < SHOWN and len(lines) <= SHOWN
    first = max(0, len(lines) - SHOWN)
    while first and lines[first - 1].at == lines[first].at:
        first -= 1  # what happened at one moment stays together: the next page begins before it
    shown = lines[first:]
    understood = next((one for one in heard if one.intent), None) if before is None else None
    return Transcript(shown, None if whole or not shown else shown[0].at, understood)


async def _newest(
    session: AsyncSession, rows: Select[T], at: InstrumentedAttribute[datetime], before: datetime | None
) -> list[T]:
    if before is not None:
        rows = rows.where(at < before)
    return list(await session.scalars(rows.order_by(at.desc()).limit(SHOWN)))


def _silent(message: InboundMessage) -> bool:
    """Events that say nothing to staff: what the vendor reports, what the house put in itself."""
    return message.kind == "event" and message.event not in ("click", "subscribe", "unsubscribe", "scan")
