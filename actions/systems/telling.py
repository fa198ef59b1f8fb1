"""Telling a patient what the hospital's system decided: confirmed, not to be had, cancelled, moved; with the ways on in the same message.

Read from `patient_event` by cursor: whichever way the decision came (an answer, a change read there, an HL7 message, a person who
settled it), it is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments.offering import Places, other_times
from actions.appointments.remind import ways
from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.decided import BY_SYSTEM
from care.appointments.models import Status
from care.appointments.views import AppointmentView
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from care.systems import waiting
from channels.outbox import service as outbox
from channels.reply import Option, Reply
from channels.wording.labels import label
from store import events
from store.events import PatientEvent

CONSUMER = "systems-telling"
INSTANCE = "system:"
BATCH = 50
KINDS = (
    "appointment.accepted",
    "appointment.cancelled",
    "appointment.kept",
    "appointment.moved",
    "appointment.stuck",
)


@dataclass(frozen=True, slots=True)
class _News:
    """One decision: `key` of the wording, and the other appointment it speaks of. `called`: somebody has the task to call anyway."""

    key: str
    view: AppointmentView
    old: str
    offers: bool = False
    asks: bool = False
    called: bool = False


async def tell_decisions(session: AsyncSession, services: Services, sms_account: str) -> int:
    """Tell a batch, in the caller's transaction; how many events were looked at."""
    unread = await events.unread(session, CONSUMER)
    if unread is None:
        return 0
    query = select(PatientEvent).where(unread.condition, PatientEvent.kind.in_(KINDS))
    found = list(await session.scalars(query.order_by(PatientEvent.writer, PatientEvent.id).limit(BATCH)))
    decided = [UUID(event.data["appointment_id"]) for event in found]
    await waiting.hush(session, decided, services.clock.now())
    for event in found:
        if event.data.get("by") == BY_SYSTEM:
            await _tell(session, services, sms_account, event)
    await events.advance(session, CONSUMER, found[-1].id if len(found) == BATCH else unread.last)
    return len(found)


async def _tell(session: AsyncSession, services: Services, sms_account: str, event: PatientEvent) -> None:
    now = services.clock.now()
    news = await _news(session, services, event)
    patient = await patients.get(session, event.patient_id)
    if news is None or patient is None or news.view.start <= now:
        return
    view, key = news.view, f"{INSTANCE}{event.id}"
    talk = await talk_about(session, view, patient, sms_account, now)
    if talk is None:
        if news.called:
            return
        at = say.moment(services.clock.local_naive(view.start))
        await desk.open_task(
            session,
            TaskKind.CALL,
            dedup_key=key,
            now=now,
            due_at=services.due_at(TaskKind.CALL, now),
            note=label("system_call", what=label(f"system_{news.key}"), when=at, doctor=view.practitioner),
            patient_id=view.patient_id,
        )
        return
    params = {
        **card(services, view, patient.name, talk.channel),
        "fee": say.money(view.fee_fen),
        "old": news.old,
    }
    await outbox.enqueue(
        session,
        talk,
        Reply(f"systems.{news.key}", params, await _options(session, services, news, talk.channel, now)),
        dedup_key=key,
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=view.patient_id,
        instance=f"{INSTANCE}{view.appointment_id}",
        expires_at=view.start,
    )


async def _options(
    session: AsyncSession, services: Services, news: _News, channel: str, now: datetime
) -> tuple[Option, ...]:
    if news.asks:
        return ways(news.view)
    if not news.offers:
        return ()
    view = news.view
    places = await Places.after(session, view.department_id, view.practitioner_id, now, 2)
    others = [one for one in places.offer(view.practitioner_id) if one.slot_id != view.slot_id]
    return other_times(services, view, channel, others)


async def _news(session: AsyncSession, services: Services, event: PatientEvent) -> _News | None:
    """What to say; None where it has changed again since: the later event says that."""
    view = await appointments.get(session, UUID(event.data["appointment_id"]))
    if view is None:
        return None
    data: dict[str, Any] = event.data
    stands = view.status in (Status.BOOKED, Status.PENDING)
    match event.kind.removeprefix("appointment."):
        case "accepted" if stands:
            old = await _when(session, services, data.get("replaces"))
            return _News("moved_ok" if old else "booked", view, old)
        case "moved" if stands:
            return _News("moved", view, _said(services, datetime.fromisoformat(data["was"])), asks=True)
        case "stuck" if view.status == Status.PENDING:
            return _News("stuck", view, "", called=True)
        case "kept" if stands:
            return _News("not_cancelled", view, "")
        case "cancelled" if view.status == Status.CANCELLED and data.get("why") == "refused":
            old = await _when(session, services, data.get("kept"))
            return _News("not_moved" if old else "refused", view, old, offers=True)
        case "cancelled" if view.status == Status.CANCELLED:
            return _News("cancelled", view, "", offers=True)
    return None


async def _when(session: AsyncSession, services: Services, appointment_id: str | None) -> str:
    view = await appointments.get(session, UUID(appointment_id)) if appointment_id else None
    return "" if view is None else _said(services, view.start)


def _said(services: Services, start: datetime) -> str:
    return say.moment_short(services.clock.local_naive(start))
