"""Closing a stretch of a doctor's day, and opening it again. Who is booked in it stays; 停诊 is for telling them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.blocks.covering import blocked_still
from care.appointments.blocks.models import ClinicBlock
from care.appointments.closures.models import Reason
from care.appointments.closures.service import closed_still
from care.appointments.models import Slot
from store import audit


async def free_in(session: AsyncSession, practitioner_id: UUID, start: datetime, end: datetime) -> int:
    """Places that would not be given out any more."""
    query = select(func.sum(Slot.capacity - Slot.taken)).where(
        *_in(practitioner_id, start, end), Slot.status == "free"
    )
    return int(await session.scalar(query) or 0)


async def block(
    session: AsyncSession,
    practitioner_id: UUID,
    start: datetime,
    end: datetime,
    reason: Reason,
    *,
    staff_id: UUID,
    now: datetime,
) -> ClinicBlock | None:
    """None where nothing is free between `start` and `end`."""
    if not await free_in(session, practitioner_id, start, end):
        return None
    row = ClinicBlock(
        practitioner_id=practitioner_id,
        start=start,
        end=end,
        reason=reason,
        created_by=staff_id,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    await _set(session, row, "free", "blocked")
    _audit(session, row.id, staff_id, "clinic.block", now)
    return row


async def undo(session: AsyncSession, block_id: UUID, *, staff_id: UUID, now: datetime) -> ClinicBlock | None:
    """Open again, but for what another block or a closure still covers. None when it was open already."""
    row = await session.get(ClinicBlock, block_id, with_for_update=True, populate_existing=True)
    if row is None or row.undone_at is not None:
        return None
    row.undone_at, row.undone_by = now, staff_id
    await session.flush()
    await _set(session, row, "blocked", "free", ~closed_still(), ~blocked_still())
    _audit(session, block_id, staff_id, "clinic.unblock", now)
    return row


async def standing(
    session: AsyncSession, practitioner_ids: Sequence[UUID], start: datetime, end: datetime
) -> Sequence[ClinicBlock]:
    """What is blocked between `start` and `end`, by time."""
    query = select(ClinicBlock).where(
        ClinicBlock.practitioner_id.in_(practitioner_ids),
        ClinicBlock.undone_at.is_(None),
        ClinicBlock.start < end,
        ClinicBlock.end > start,
    )
    return (await session.scalars(query.order_by(ClinicBlock.start))).all()


async def block_covered(session: AsyncSession, now: datetime) -> None:
    """Slots made since, for time that is blocked already, are blocked too. Idempotent."""
    await session.execute(
        update(Slot)
        .where(Slot.start > now, Slot.status == "free", blocked_still())
        .values(status="blocked")
        .execution_options(synchronize_session=False)
    )


def _in(practitioner_id: UUID, start: datetime, end: datetime) -> tuple[Any, ...]:
    return (Slot.practitioner_id == practitioner_id, Slot.start >= start, Slot.start < end)


async def _set(session: AsyncSession, row: ClinicBlock, before: str, after: str, *also: Any) -> None:
    await session.execute(
        update(Slot)
        .where(*_in(row.practitioner_id, row.start, row.end), Slot.status == before, *also)
        .values(status=after)
        .execution_options(synchronize_session=False)
    )


def _audit(session: AsyncSession, block_id: UUID, staff_id: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("block", block_id)
    audit.record(session, actor=audit.subject_of("staff", staff_id), action=action, subject=subject, at=now)
