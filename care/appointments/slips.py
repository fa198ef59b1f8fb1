"""A slip of the finger at the queue: 看完 of somebody who has not been seen, taken back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.appointments.confirming import event_data
from care.appointments.models import LIVE, Appointment, Status
from care.appointments.rules import UNDO_FOR
from store import events

UNDONE = "appointment.fulfilled_undone"
"""`since`: when it was said that they had been seen; who read that event takes back what came of it."""


def place_still_theirs() -> ColumnElement[bool]:
    """Over `Appointment`: who took another place in the same half-day meanwhile has that one."""
    again = aliased(Appointment)
    return ~exists().where(
        again.patient_id == Appointment.patient_id,
        again.department_id == Appointment.department_id,
        again.day == Appointment.day,
        again.part == Appointment.part,
        again.status.in_(LIVE),
    )


async def not_seen(session: AsyncSession, appointment_id: UUID, status: Status, *, now: datetime) -> bool:
    """It is `status` again (arrived, or booked who never reported). False after `UNDO_FOR`. Emits `UNDONE`."""
    which = (
        Appointment.id == appointment_id,
        Appointment.status == Status.FULFILLED,
        Appointment.changed_at >= now - UNDO_FOR,
        place_still_theirs(),
    )
    since = await session.scalar(select(Appointment.changed_at).where(*which).with_for_update())
    if since is None:
        return False
    await session.execute(
        update(Appointment)
        .where(Appointment.id == appointment_id)
        .values(status=status, changed_at=now)
        .execution_options(synchronize_session=False)
    )
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    events.emit(session, row.patient_id, UNDONE, now, since=since.isoformat(), **event_data(row.id, row))
    return True
