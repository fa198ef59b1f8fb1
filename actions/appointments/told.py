"""Telling what staff did at the counter: booked, moved, cancelled, a place offered, called in the queue.

By the ladder; who cannot be written to is called."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments import calling, waiting
from actions.appointments.remind import ways
from actions.appointments.telling import calendar_line, card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import SlotHold, Status
from care.appointments.notices import service as notices
from care.appointments.notices.models import ClinicNotice, NoticeKind, NoticeState
from care.appointments.views import AppointmentView
from care.appointments.waitlist.models import Waiting, WaitlistEntry
from care.appointments.waitlist.service import Offer
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from channels.outbox import service as outbox
from channels.reply import Option, Reply
from channels.wording.labels import label

INSTANCE = "counter:"
BATCH = 20
_LIVE = (Status.PENDING, Status.BOOKED, Status.ARRIVED)
_FITS = {
    NoticeKind.BOOKED: _LIVE,
    NoticeKind.MOVED: _LIVE,
    NoticeKind.CANCELLED: (Status.CANCELLED,),
    NoticeKind.ASKED: (Status.CANCELLED,),
}
"""What an appointment must be when it is told: changed again since, the later notice tells it."""
_TASK = {
    NoticeKind.BOOKED: "desk_call_booked",
    NoticeKind.MOVED: "desk_call_moved",
    NoticeKind.CANCELLED: "desk_call_cancelled",
    NoticeKind.ASKED: "desk_call_cancelled",
}


async def tell_counter(session: AsyncSession, services: Services, sms_account: str, ahead: int = 2) -> int:
    """Tell a batch, in the caller's transaction; how many were dealt with. `ahead`: who has at most so many before them in a queue that
    has moved on is told too."""
    now = services.clock.now()
    owed = await notices.due(session, now, BATCH)
    for notice in owed:
        if notice.kind == NoticeKind.OFFERED:
            notice.state = await _offered(session, services, notice, now)
        elif notice.kind in calling.KINDS:
            notice.state = await calling.tell(session, services, sms_account, notice, ahead=ahead, now=now)
        else:
            notice.state = await _tell(session, services, sms_account, notice, now)
        notice.due_at, notice.settled_at = None, now
        await session.flush()
    return len(owed)


async def _offered(
    session: AsyncSession, services: Services, notice: ClinicNotice, now: datetime
) -> NoticeState:
    entry = await session.get(WaitlistEntry, notice.entry_id, populate_existing=True)
    if entry is None or entry.status != Waiting.OFFERED or entry.hold_id is None:
        return NoticeState.KEPT
    held = await session.get(SlotHold, entry.hold_id)
    slot = await slots.slot(session, held.slot_id) if held is not None else None
    if slot is None:
        return NoticeState.KEPT
    await waiting.tell_offer(session, services, Offer(entry, slot), now)
    return NoticeState.TOLD


async def _tell(
    session: AsyncSession, services: Services, sms_account: str, notice: ClinicNotice, now: datetime
) -> NoticeState:
    kind = NoticeKind(notice.kind)
    view = await appointments.get(session, notice.appointment_id) if notice.appointment_id else None
    patient = await patients.get(session, notice.patient_id)
    if view is None or patient is None or view.status not in _FITS[kind] or view.start <= now:
        return NoticeState.KEPT
    talk = await talk_about(session, view, patient, sms_account, now)
    key = f"{INSTANCE}{notice.id}"
    if talk is None:
        at = say.moment(services.clock.local_naive(view.start))
        await desk.open_task(
            session,
            TaskKind.CALL,
            dedup_key=key,
            now=now,
            due_at=services.due_at(TaskKind.CALL, now),
            note=label("desk_call", what=label(_TASK[kind]), when=at, doctor=view.practitioner),
            patient_id=view.patient_id,
        )
        return NoticeState.CALL
    notice.outbound_key = key
    await outbox.enqueue(
        session,
        talk,
        await _reply(session, services, notice, view, patient.name, talk.channel, now),
        dedup_key=key,
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=view.patient_id,
        instance=f"{INSTANCE}{view.appointment_id}",
        expires_at=view.start,
    )
    return NoticeState.TOLD


async def _reply(
    session: AsyncSession,
    services: Services,
    notice: ClinicNotice,
    view: AppointmentView,
    name: str,
    channel: str,
    now: datetime,
) -> Reply:
    values = {**card(services, view, name, channel), "fee": say.money(view.fee_fen), "title": view.title}
    again = Option("other", label("book_again"), "book_appointment", {"patient_id": view.patient_id.hex})
    pending = view.status == Status.PENDING
    match NoticeKind(notice.kind):
        case NoticeKind.BOOKED:
            line = await calendar_line(session, services, view, channel, now)
            key = "systems.pending" if pending else "booking.booked"
            return Reply(key, {**values, "old": "", "calendar": line})
        case NoticeKind.MOVED:
            before = await appointments.get(session, notice.previous_id) if notice.previous_id else None
            at = services.clock.local_naive(before.start) if before is not None else None
            return Reply("desk.moved", {**values, "old": say.moment_short(at) if at else ""}, ways(view))
        case NoticeKind.ASKED:
            return Reply("cancel.done", values)
    return Reply("desk.cancelled", values, (again,))
