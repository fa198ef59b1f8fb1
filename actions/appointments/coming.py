"""Reminding of visits at their lead times, and asking kindly after one that was missed."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments import remind
from actions.appointments.offering import Places, other_times
from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.coming import leads, service
from care.appointments.coming.models import Told
from care.appointments.coming.service import Due
from care.appointments.models import LIVE, Appointment, Status
from care.appointments.views import AppointmentView
from care.followup import service as calls
from care.hospital.workdays import workdays
from care.patients import service as patients
from care.patients.models import PatientStatus
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.reply import Reply
from channels.wording.labels import label

MISSED = "missed:"
BATCH = 20


async def tell_due(
    session: AsyncSession,
    services: Services,
    sms_account: str,
    usual: tuple[int, ...],
    risky: float | None = None,
) -> int:
    """A batch of what is due, in the caller's transaction; how many were dealt with."""
    clock = services.clock
    today = clock.local().date()
    due = await service.reminders_due(session, clock, await leads.load(session, usual), BATCH, risky)
    for one in due:
        await _remind(session, services, sms_account, one)
    days = await workdays(session, today - timedelta(days=30), today)
    missed = await service.missed_due(session, clock, days, BATCH)
    for one in missed:
        await _ask_after(session, services, sms_account, one, today)
    return len(due) + len(missed)


async def _remind(session: AsyncSession, services: Services, sms_account: str, due: Due) -> None:
    now = services.clock.now()
    view, talk = await _whom(session, services, sms_account, due)
    if view is None or view.status is not Status.BOOKED:
        await service.settle(session, due, Told.KEPT, key=None, now=now)
        return
    if talk is None:
        # Somebody rings: /desk/unconfirmed lists it at once.
        await service.settle(session, due, Told.CALL, key=None, now=now)
        return
    key = f"{remind.INSTANCE}{due.appointment_id}:{due.step}"
    if await service.settle(session, due, Told.TOLD, key=key, now=now):
        await remind.remind(session, services, talk, due.appointment_id, now=now, dedup_key=key)


async def _ask_after(
    session: AsyncSession, services: Services, sms_account: str, due: Due, today: date
) -> None:
    """Once, with other times in the same message; whoever has a new appointment there already hears nothing."""
    now = services.clock.now()
    view, talk = await _whom(session, services, sms_account, due)
    if view is None or view.status is not Status.NOSHOW or await _rebooked(session, view):
        await service.settle(session, due, Told.KEPT, key=None, now=now)
        return
    key = f"{MISSED}{due.appointment_id}"
    if talk is None:
        if await service.settle(session, due, Told.CALL, key=None, now=now):
            when = say.moment(services.clock.local_naive(view.start))
            script = label("missed_call", when=when, doctor=view.practitioner)
            await calls.open_call(
                session, due.patient_id, key=key, due_on=today, script=script, source="missed", now=now
            )
        return
    if not await service.settle(session, due, Told.TOLD, key=key, now=now):
        return
    places = await Places.after(session, view.department_id, view.practitioner_id, now, 1)
    patient = await patients.get(session, due.patient_id)
    params = card(services, view, patient.name if patient else "", talk.channel)
    options = other_times(services, view, talk.channel, places.offer(view.practitioner_id))
    await outbox.enqueue(
        session,
        talk,
        Reply("visit.missed", params, options),
        dedup_key=key,
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=due.patient_id,
        instance=key,
        expires_at=now + timedelta(days=service.ASK_AFTER_DAYS),
    )


async def _whom(
    session: AsyncSession, services: Services, sms_account: str, due: Due
) -> tuple[AppointmentView | None, Conversation | None]:
    """The visit, None if nobody may be told of it any more; and where it is told first."""
    view = await appointments.get(session, due.appointment_id)
    patient = await patients.get(session, due.patient_id)
    if view is None or patient is None or patient.status != PatientStatus.ACTIVE:
        return None, None
    return view, await talk_about(session, view, patient, sms_account, services.clock.now())


async def _rebooked(session: AsyncSession, view: AppointmentView) -> bool:
    again = exists().where(
        Appointment.patient_id == view.patient_id,
        Appointment.department_id == view.department_id,
        Appointment.status.in_(LIVE),
        Appointment.start > view.start,
    )
    return bool(await session.scalar(select(again)))
