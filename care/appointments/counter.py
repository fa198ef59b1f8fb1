"""What staff do for a patient at the counter: book, move (and take it back), cancel. The patient is owed a notice of each.

Limits, places and states are `service`'s; nothing here commits.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service
from care.appointments.models import Status
from care.appointments.notices import service as notices
from care.appointments.notices.models import ClinicNotice, NoticeKind, NoticeState
from care.appointments.views import Booked, Cancelled, Held, Refused, Why
from care.appointments.waitlist import service as waitlist
from store import audit


class CancelReason(StrEnum):
    """Why staff cancel. `PATIENT`: asked for it, and is told so."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    WRONG = "wrong"
    OTHER = "other"


async def keep(
    session: AsyncSession,
    slot_id: UUID,
    patient_id: UUID,
    *,
    now: datetime,
    replaces_id: UUID | None = None,
) -> Held | Refused:
    """Hold a place while the form is open, beyond the capacity where the schedule lets staff do so."""
    return await service.hold(
        session,
        slot_id=slot_id,
        patient_id=patient_id,
        now=now,
        replaces_id=replaces_id,
        by_staff=True,
    )


async def book(session: AsyncSession, hold_id: UUID, *, staff_id: UUID, now: datetime) -> Booked | Refused:
    """What is held becomes an appointment, and the patient hears of it as of any other."""
    done = await service.confirm(session, hold_id, now=now, created_via="staff")
    if isinstance(done, Booked) and not done.again:
        view = done.appointment
        await waitlist.booked(session, view.patient_id, view.department_id, now=now)
        await notices.owe(
            session,
            NoticeKind.BOOKED,
            view.patient_id,
            by=staff_id,
            now=now,
            appointment_id=view.appointment_id,
        )
        _audit(session, view.appointment_id, staff_id, "appointment.book", now)
    return done


async def move(
    session: AsyncSession, appointment_id: UUID, slot_id: UUID, *, staff_id: UUID, now: datetime
) -> Booked | Refused:
    """To another place; told after `UNDO_FOR`."""
    old = await service.get(session, appointment_id)
    if old is None:
        return Refused(Why.UNKNOWN)
    if old.status not in (Status.PENDING, Status.BOOKED):
        return Refused(Why.NOT_LIVE, appointment_id)
    done = await _shift(session, appointment_id, old.patient_id, slot_id, now)
    if isinstance(done, Booked):
        new = done.appointment.appointment_id
        await notices.owe(
            session,
            NoticeKind.MOVED,
            old.patient_id,
            by=staff_id,
            now=now,
            due_at=now + notices.UNDO_FOR,
            appointment_id=new,
            previous_id=appointment_id,
        )
        _audit(session, new, staff_id, "appointment.move", now)
    return done


async def undo_move(
    session: AsyncSession, notice_id: UUID, *, staff_id: UUID, now: datetime
) -> Booked | Refused:
    """Back to where it was, while nobody has been told. `TOO_LATE`: somebody has; `NOT_LIVE`: it was taken back, or changed since."""
    notice = await session.get(ClinicNotice, notice_id, with_for_update=True, populate_existing=True)
    if notice is None or notice.appointment_id is None or notice.previous_id is None:
        return Refused(Why.UNKNOWN)
    if notice.state in (NoticeState.UNDONE, NoticeState.KEPT):
        return Refused(Why.NOT_LIVE)
    if notice.state != NoticeState.PLANNED:
        return Refused(Why.TOO_LATE)
    before = await service.get(session, notice.previous_id)
    if before is None:
        return Refused(Why.UNKNOWN)
    done = await _shift(session, notice.appointment_id, notice.patient_id, before.slot_id, now)
    if isinstance(done, Booked):
        await notices.withdraw(session, notice_id, now=now)
        _audit(session, done.appointment.appointment_id, staff_id, "appointment.move_undone", now)
    return done


async def cancel(
    session: AsyncSession, appointment_id: UUID, why: CancelReason, *, staff_id: UUID, now: datetime
) -> Cancelled | Refused:
    done = await service.cancel(session, appointment_id, now=now, by_staff=True, reason=why.value)
    if isinstance(done, Cancelled) and not done.again:
        kind = NoticeKind.ASKED if why is CancelReason.PATIENT else NoticeKind.CANCELLED
        await notices.owe(
            session,
            kind,
            done.appointment.patient_id,
            by=staff_id,
            now=now,
            appointment_id=appointment_id,
        )
        _audit(session, appointment_id, staff_id, "appointment.cancel", now)
    return done


async def _shift(
    session: AsyncSession, appointment_id: UUID, patient_id: UUID, slot_id: UUID, now: datetime
) -> Booked | Refused:
    held = await keep(session, slot_id, patient_id, now=now, replaces_id=appointment_id)
    if isinstance(held, Refused):
        return held
    return await service.confirm(session, held.hold_id, now=now, created_via="staff")


def _audit(session: AsyncSession, appointment_id: UUID, staff_id: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("appointment", appointment_id)
    audit.record(session, actor=audit.subject_of("staff", staff_id), action=action, subject=subject, at=now)
