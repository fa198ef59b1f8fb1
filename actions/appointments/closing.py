"""Telling a patient that the clinic is closed, or another doctor sees them: with the ways on in the same message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments.offering import Places, other_times
from actions.appointments.remind import ways
from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.closures import service as closures
from care.appointments.closures.models import ClinicClosure, ClosureNotice, Owed
from care.appointments.models import Status
from care.appointments.views import AppointmentView, SlotView
from care.desk import service as desk
from care.desk.models import TaskKind
from care.hospital import service as hospital
from care.patients import service as patients
from channels.outbox import service as outbox
from channels.reply import Reply
from channels.wording.labels import label

INSTANCE = "closure:"
BATCH = 20


async def tell_due(session: AsyncSession, services: Services, sms_account: str, now: datetime) -> int:
    """Tell a batch of those whose notice is due, in the caller's transaction; how many were dealt with."""
    owed = await closures.due(session, now, BATCH)
    places: dict[UUID, Places] = {}
    for notice in owed:
        closure = await session.get_one(ClinicClosure, notice.closure_id)
        if closure.id not in places:
            places[closure.id] = await Places.after(
                session, closure.department_id, closure.practitioner_id, now, BATCH
            )
        await _tell(session, services, sms_account, closure, notice, places[closure.id], now)
        notice.due_at, notice.settled_at = None, now
        await session.flush()
    return len(owed)


async def _tell(
    session: AsyncSession,
    services: Services,
    sms_account: str,
    closure: ClinicClosure,
    notice: ClosureNotice,
    places: Places,
    now: datetime,
) -> None:
    view = await appointments.get(session, notice.appointment_id)
    patient = await patients.get(session, notice.patient_id)
    if view is None or patient is None or view.status not in (Status.PENDING, Status.BOOKED):
        notice.state = Owed.KEPT
        return
    if closure.substitute_id is None:
        await appointments.cancel(session, view.appointment_id, now=now, by_staff=True)
    else:
        await closures.hand_over(session, view.appointment_id, closure.substitute_id, now)
    talk = await talk_about(session, view, patient, sms_account, now)
    if talk is None:
        await _call(session, services, closure, view, now)
        notice.state = Owed.CALL
        return
    notice.outbound_key = f"{INSTANCE}{closure.id}:{view.appointment_id}"
    if closure.substitute_id is None:
        reply = _cancelled(services, view, patient.name, talk.channel, places.offer(view.practitioner_id))
    else:
        doctor = await hospital.practitioner(session, closure.substitute_id)
        reply = _substituted(services, view, patient.name, talk.channel, doctor.name if doctor else "")
    await outbox.enqueue(
        session,
        talk,
        reply,
        dedup_key=notice.outbound_key,
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=view.patient_id,
        instance=f"{INSTANCE}{view.appointment_id}",
        expires_at=view.start,
    )
    notice.state = Owed.TOLD


def _cancelled(
    services: Services, view: AppointmentView, name: str, channel: str, others: Sequence[SlotView]
) -> Reply:
    options = other_times(services, view, channel, others)
    return Reply("closure.cancelled", card(services, view, name, channel), options)


def _substituted(
    services: Services, view: AppointmentView, name: str, channel: str, substitute: str
) -> Reply:
    params = {**card(services, view, name, channel), "substitute": substitute}
    return Reply("closure.substituted", params, ways(view))


async def _call(
    session: AsyncSession, services: Services, closure: ClinicClosure, view: AppointmentView, now: datetime
) -> None:
    await desk.open_task(
        session,
        TaskKind.CALL,
        dedup_key=f"{INSTANCE}{closure.id}:{view.appointment_id}",
        now=now,
        due_at=services.due_at(TaskKind.CALL, now),
        note=label(
            "closure_call", when=say.moment(services.clock.local_naive(view.start)), doctor=view.practitioner
        ),
        patient_id=view.patient_id,
    )
