"""Words to answer with: everybody's and one's own, found by a part of their title or text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import CannedReply
from store import audit
from store.ids import new_id

TITLE_LONGEST, TEXT_LONGEST = 40, 600
FOUND = 8


def _his(staff_id: UUID) -> object:
    return or_(CannedReply.owner_id.is_(None), CannedReply.owner_id == staff_id)


async def all_of(session: AsyncSession, staff_id: UUID) -> Sequence[CannedReply]:
    """Those the member of staff may use, their own first."""
    rows = select(CannedReply).where(_his(staff_id))  # type: ignore[arg-type]
    return (await session.scalars(rows.order_by(CannedReply.owner_id.is_(None), CannedReply.title))).all()


async def find(session: AsyncSession, staff_id: UUID, q: str) -> list[CannedReply]:
    """Those whose title or text holds `q` (all for nothing), the nearest first."""
    q = q.strip().lower()
    rows = [one for one in await all_of(session, staff_id) if q in one.title.lower() or q in one.text.lower()]
    return sorted(rows, key=lambda one: (not one.title.lower().startswith(q), q not in one.title.lower()))[
        :FOUND
    ]


async def save(
    session: AsyncSession,
    *,
    staff_id: UUID,
    title: str,
    text: str,
    shared: bool,
    now: datetime,
    reply_id: UUID | None = None,
) -> bool:
    """Add one, or change one that is shared or one's own. False for somebody else's. Raises `ValueError` without words."""
    title, text = " ".join(title.split())[:TITLE_LONGEST], text.strip()[:TEXT_LONGEST]
    if not title or not text:
        raise ValueError("a canned reply needs a title and words")
    row = await _mine(session, reply_id, staff_id) if reply_id is not None else CannedReply(id=new_id())
    if row is None:
        return False
    row.owner_id, row.title, row.text = None if shared else staff_id, title, text
    row.changed_by, row.changed_at = staff_id, now
    session.add(row)
    _audit(session, staff_id, "canned.save", row.id, now)
    return True


async def remove(session: AsyncSession, reply_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    row = await _mine(session, reply_id, staff_id)
    if row is None:
        return False
    await session.execute(delete(CannedReply).where(CannedReply.id == row.id))
    _audit(session, staff_id, "canned.remove", row.id, now)
    return True


async def _mine(session: AsyncSession, reply_id: UUID, staff_id: UUID) -> CannedReply | None:
    found: CannedReply | None = await session.scalar(
        select(CannedReply).where(CannedReply.id == reply_id, _his(staff_id))  # type: ignore[arg-type]
    )
    return found


def _audit(session: AsyncSession, staff_id: UUID, action: str, reply_id: UUID, now: datetime) -> None:
    subject = audit.subject_of("canned_reply", reply_id)
    audit.record(session, actor=f"staff:{staff_id}", action=action, subject=subject, at=now)
