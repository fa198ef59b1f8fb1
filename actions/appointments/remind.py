"""Reminding of an appointment: 1 确认 2 取消 3 改期. Its answers mean the same however late they come, while it is to come."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.telling import card
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.coming import service as coming
from care.appointments.models import Status
from care.appointments.views import AppointmentView
from care.hospital import service as hospital
from care.patients import service as patients
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.reply import Option, Reply
from channels.wording.labels import label

CONFIRM = "_confirm"
"""What the first option means, without the engine."""
INSTANCE = "reminder:"


def reminder(
    services: Services, view: AppointmentView, name: str, channel: str, preparation: str = ""
) -> Reply:
    """The words and the three ways to answer; `preparation`: what the department wants done before."""
    params = card(services, view, name, channel)
    if preparation:
        return Reply("reminder.prepared", {**params, "preparation": preparation}, ways(view))
    return Reply("reminder.appointment", params, ways(view))


def ways(view: AppointmentView) -> tuple[Option, ...]:
    """1 确认 2 取消 3 改期."""
    which = {"appointment_id": view.appointment_id.hex}
    return (
        Option("confirm", label("reminder_confirm"), CONFIRM, which),
        Option("cancel", label("reminder_cancel"), "cancel_appointment", which),
        Option("move", label("reminder_move"), "reschedule_appointment", which),
    )


async def remind(
    session: AsyncSession,
    services: Services,
    conversation: Conversation,
    appointment_id: UUID,
    *,
    now: datetime,
    due_at: datetime | None = None,
    dedup_key: str | None = None,
) -> OutboundMessage | None:
    """Queue the reminder once a `dedup_key`; it is worth nothing any more when the appointment begins."""
    view = await appointments.get(session, appointment_id)
    patient = await patients.get(session, view.patient_id) if view is not None else None
    if view is None or patient is None or view.start <= now:
        return None
    department = await hospital.department(session, view.department_id)
    preparation = department.preparation if department is not None else ""
    return await outbox.enqueue(
        session,
        conversation,
        reminder(services, view, patient.name, conversation.channel, preparation),
        dedup_key=dedup_key or f"{INSTANCE}{appointment_id}:{conversation.id}",
        purpose="service_notice",
        now=now,
        due_at=due_at,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=view.patient_id,
        instance=f"{INSTANCE}{appointment_id}",
        expires_at=view.start,
    )


async def confirmed(
    session: AsyncSession, services: Services, appointment_id: UUID, channel: str, now: datetime
) -> Reply:
    """The patient will come: on the timeline, and what to say."""
    view = await appointments.get(session, appointment_id)
    patient = await patients.get(session, view.patient_id) if view is not None else None
    if (
        view is None
        or patient is None
        or view.start <= now
        or view.status not in (Status.PENDING, Status.BOOKED)
    ):
        return Reply("reminder.gone")
    await coming.confirm(session, appointment_id, view.patient_id, by="patient", now=now)
    return Reply("reminder.confirmed", card(services, view, patient.name, channel))
