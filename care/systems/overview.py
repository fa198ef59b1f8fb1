"""What the page of the systems shows: counts, messages people must look at, and their deciding on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems import messages, settling
from care.systems.models import OPEN, Direction, Said, SystemMessage, SystemState
from care.systems.outward import KINDS
from care.systems.port import Accepted, Refused
from care.systems.refs import theirs
from store import audit

TROUBLE = (Said.UNCERTAIN, Said.DEAD)
How = Literal["there", "not_there", "no_effect"]


@dataclass(frozen=True, slots=True)
class Line:
    """One system: its state if it was ever asked, and its messages of the last day (open ones however old) by status."""

    system: str
    state: SystemState | None
    counts: dict[str, int]


async def lines(session: AsyncSession, now: datetime, configured: str | None) -> list[Line]:
    """Every system that was ever spoken to, and the configured one."""
    recent = (SystemMessage.created_at > now - timedelta(days=1)) | SystemMessage.status.in_(
        (*OPEN, Said.DEAD)
    )
    counted = await session.execute(
        select(SystemMessage.system, SystemMessage.status, func.count())
        .where(recent)
        .group_by(SystemMessage.system, SystemMessage.status)
    )
    counts: dict[str, dict[str, int]] = {}
    for system, status, number in counted:
        counts.setdefault(system, {})[str(status)] = number
    states = {row.system: row for row in await session.scalars(select(SystemState))}
    names = {*states, *counts, *([configured] if configured else [])}
    return [Line(name, states.get(name), counts.get(name, {})) for name in sorted(names)]


async def troubles(session: AsyncSession, limit: int = 100) -> Sequence[SystemMessage]:
    """Dead ones first, then what is asked after, the oldest first."""
    dead_first = case((SystemMessage.status == Said.DEAD, 0), else_=1)
    query = select(SystemMessage).where(SystemMessage.status.in_(TROUBLE))
    return (await session.scalars(query.order_by(dead_first, SystemMessage.id).limit(limit))).all()


async def recent(session: AsyncSession, limit: int = 50) -> Sequence[SystemMessage]:
    return (await session.scalars(select(SystemMessage).order_by(SystemMessage.id.desc()).limit(limit))).all()


async def again(session: AsyncSession, message_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Try once more: what may have been heard is asked after first. False: it is in no state for that."""
    asks = (SystemMessage.direction == Direction.OUT) & SystemMessage.said_at.is_not(None)
    done = await session.scalar(
        update(SystemMessage)
        .where(SystemMessage.id == message_id, SystemMessage.status.in_(TROUBLE))
        .values(
            status=case((asks, Said.UNCERTAIN), else_=Said.QUEUED),
            due_at=now,
            dead_reason=None,
            asked=0,
            attempts=0,
            settled_at=None,
        )
        .returning(SystemMessage.id)
        .execution_options(synchronize_session=False)
    )
    if done is not None:
        _audit(session, message_id, staff_id, "system.again", now)
    return done is not None


async def settle(
    session: AsyncSession, message_id: UUID, how: How, note: str, *, staff_id: UUID, now: datetime
) -> bool:
    """A person has looked there: the appointment follows what they found, nobody tries any more. False: it is settled already."""
    trouble = SystemMessage.status.in_(TROUBLE)
    row = await messages.by_hand(session, message_id, Said.SETTLED, trouble, staff_id=staff_id, now=now)
    if row is None:
        return False
    row.note = note
    await session.flush()
    if row.direction == Direction.OUT and row.kind in KINDS and row.subject_id is not None:
        if how == "there":
            known = await theirs(session, row.system, "appointment", row.subject_id)
            found = Accepted(known.external_id if known is not None else f"by-hand:{row.subject_id}")
            await settling.accepted(session, row, found, now)
        elif how == "not_there":
            await settling.refused(session, row, Refused("other"), now, shown=False)
    _audit(session, message_id, staff_id, "system.settle", now, how=how)
    return True


def _audit(
    session: AsyncSession, message_id: UUID, staff_id: UUID, action: str, now: datetime, **detail: str
) -> None:
    subject = audit.subject_of("system_message", message_id)
    audit.record(
        session, actor=f"staff:{staff_id}", action=action, subject=subject, at=now, detail=detail or None
    )
