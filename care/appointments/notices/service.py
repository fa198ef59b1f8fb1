"""Owing a notice, and who is due. The worker that tells them is `actions/appointments/told.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.appointments.notices.models import ClinicNotice, NoticeKind, NoticeState

UNDO_FOR = timedelta(minutes=1)
"""From a move to its message: time to see that it was the wrong one. Ours."""


async def owe(
    session: AsyncSession,
    kind: NoticeKind,
    patient_id: UUID,
    *,
    by: UUID,
    now: datetime,
    due_at: datetime | None = None,
    appointment_id: UUID | None = None,
    previous_id: UUID | None = None,
    entry_id: UUID | None = None,
) -> ClinicNotice:
    """From now on the patient is to be told; at `due_at`, else at once."""
    row = ClinicNotice(
        kind=kind,
        state=NoticeState.PLANNED,
        patient_id=patient_id,
        appointment_id=appointment_id,
        previous_id=previous_id,
        entry_id=entry_id,
        created_by=by,
        created_at=now,
        due_at=due_at or now,
    )
    session.add(row)
    await session.flush()
    return row


async def withdraw(session: AsyncSession, notice_id: UUID, *, now: datetime) -> bool:
    """Nobody will be told. False when somebody has been."""
    taken = await session.execute(
        update(ClinicNotice)
        .where(ClinicNotice.id == notice_id, ClinicNotice.state == NoticeState.PLANNED)
        .values(state=NoticeState.UNDONE, due_at=None, settled_at=now)
        .returning(ClinicNotice.id)
    )
    return taken.first() is not None


async def is_due(session: AsyncSession, now: datetime) -> bool:
    return await session.scalar(select(ClinicNotice.id).where(*_due(now)).limit(1)) is not None


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[ClinicNotice]:
    """Notices whose time has come, locked: another worker takes others."""
    query = select(ClinicNotice).where(*_due(now)).order_by(ClinicNotice.due_at, ClinicNotice.id)
    return (await session.scalars(query.limit(limit).with_for_update(skip_locked=True))).all()


async def undoable(
    session: AsyncSession, practitioner_ids: Sequence[UUID]
) -> Sequence[tuple[ClinicNotice, Appointment]]:
    """Moves into these doctors' clinics that nobody has been told of yet, the newest first."""
    query = (
        select(ClinicNotice, Appointment)
        .join(Appointment, Appointment.id == ClinicNotice.appointment_id)
        .where(
            ClinicNotice.kind == NoticeKind.MOVED,
            ClinicNotice.state == NoticeState.PLANNED,
            Appointment.practitioner_id.in_(practitioner_ids),
        )
        .order_by(ClinicNotice.created_at.desc())
    )
    return [(notice, row) for notice, row in await session.execute(query)]


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (ClinicNotice.state == NoticeState.PLANNED, ClinicNotice.due_at <= now)
