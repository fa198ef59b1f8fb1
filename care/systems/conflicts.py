"""Where the system decided otherwise: one row a case, until somebody has seen to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.rows import add_new
from care.systems import refs
from care.systems.models import ConflictKind, RefKind, SystemConflict, SystemMessage
from care.systems.port import Unread
from store import audit


async def note(
    session: AsyncSession,
    message: SystemMessage,
    kind: ConflictKind,
    row: Appointment,
    said: str,
    now: datetime,
) -> None:
    """A message of ours was answered otherwise than asked."""
    await record(
        session,
        system=message.system,
        kind=kind,
        key=f"{kind}:{message.id}",
        row=row,
        was=row.start,
        now_start=None,
        said=said,
        now=now,
    )


async def record(
    session: AsyncSession,
    *,
    system: str,
    kind: ConflictKind,
    key: str,
    row: Appointment | None,
    was: datetime | None,
    now_start: datetime | None,
    said: str,
    now: datetime,
    patient_id: UUID | None = None,
) -> None:
    """Write a case down once a `key`."""
    found = SystemConflict(
        key=key,
        system=system,
        kind=kind,
        appointment_id=None if row is None else row.id,
        patient_id=patient_id if row is None else row.patient_id,
        was=was,
        now_start=now_start,
        at=now,
    )
    found.said = said or None  # type: ignore[assignment]
    await add_new(session, found)


async def doubled(
    session: AsyncSession,
    system: str,
    external_id: str,
    mine: Appointment,
    there: datetime,
    said: str,
    now: datetime,
) -> None:
    """It has a second appointment of the patient, at a time for which only one of them can stand here: the first does."""
    await record(
        session,
        system=system,
        kind=ConflictKind.DOUBLED,
        key=f"{ConflictKind.DOUBLED}:{mine.id}:{refs.hash_of(external_id)[:40]}",
        row=mine,
        was=mine.start,
        now_start=there,
        said=said,
        now=now,
    )


async def unread(session: AsyncSession, system: str, row: Unread, now: datetime) -> None:
    """It tells of an appointment in words that cannot be read: people look."""
    ours = await refs.ours(session, system, RefKind.APPOINTMENT, row.external_id)
    known = None if ours is None else await session.get(Appointment, ours)
    await record(
        session,
        system=system,
        kind=ConflictKind.UNREAD,
        key=f"{ConflictKind.UNREAD}:{refs.hash_of(row.external_id)[:40]}:{row.version}"[:160],
        row=known,
        was=None if known is None else known.start,
        now_start=None,
        said=f"{row.external_id}: {row.said}"[:300],
        now=now,
    )


async def unsettled(session: AsyncSession, limit: int = 100) -> Sequence[SystemConflict]:
    """The newest first."""
    open_ = select(SystemConflict).where(SystemConflict.settled_at.is_(None))
    newest = open_.order_by(SystemConflict.at.desc(), SystemConflict.id.desc())
    return (await session.scalars(newest.limit(limit))).all()


async def count(session: AsyncSession) -> int:
    query = select(func.count()).where(SystemConflict.settled_at.is_(None))
    return await session.scalar(query) or 0


async def settle(
    session: AsyncSession, conflict_id: UUID, text: str, *, staff_id: UUID, now: datetime
) -> bool:
    """Somebody has seen to it. False: another was quicker."""
    done = await session.scalar(
        update(SystemConflict)
        .where(SystemConflict.id == conflict_id, SystemConflict.settled_at.is_(None))
        .values(settled_at=now, settled_by=staff_id)
        .returning(SystemConflict.id)
    )
    if done is None:
        return False
    row = await session.get_one(SystemConflict, conflict_id, populate_existing=True)
    row.note = text
    subject = audit.subject_of("system_conflict", conflict_id)
    audit.record(session, actor=f"staff:{staff_id}", action="conflict.settle", subject=subject, at=now)
    return True
