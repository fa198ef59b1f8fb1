"""Telling a patient that the clinic is closed, or another doctor sees them: with the ways on in the same message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments.remind import ways
from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.closures import service as closures
from care.appointments.closures.models import ClinicClosure, ClosureNotice, Owed
from care.appointments.models import Status
from care.appointments.slots import DAYS_AHEAD
from care.appointments.views import AppointmentView, SlotView
from care.desk import service as desk
from care.desk.models import TaskKind
from care.hospital import service as hospital
from care.patients import service as patients
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Option, Reply
from channels.wording.labels import label

INSTANCE = "closure:"
OFFERED = 2
"""Times offered in the message: an SMS holds no more beside the rest."""
BATCH = 20


@dataclass(slots=True)
class Places:
    """Free places handed out one by one, so that eighty patients are not all offered the same two.

    Nothing is held: who answers first has it, the others are offered what is left then.
    """

    slots: list[SlotView]
    left: dict[UUID, int]

    @classmethod
    async def after(cls, session: AsyncSession, closure: ClinicClosure, now: datetime, need: int) -> Places:
        """Enough for `need` patients: half with the doctor they had, half the department's soonest."""
        found: dict[UUID, SlotView] = {}
        end = now + timedelta(days=DAYS_AHEAD + 1)
        for doctor in (closure.practitioner_id, None):
            if doctor is None or closure.practitioner_id is not None:
                for one in await slots.find_slots(
                    session,
                    now=now,
                    department_id=closure.department_id,
                    practitioner_id=doctor,
                    end=end,
                    limit=need * OFFERED,
                ):
                    found.setdefault(one.slot_id, one)
        return cls(list(found.values()), {one.slot_id: one.left for one in found.values()})

    def offer(self, doctor: UUID) -> list[SlotView]:
        """One with the same doctor if there is one, and the soonest; on different half-days."""
        chosen: list[SlotView] = []
        own = (one for one in self.slots if one.practitioner_id == doctor)
        for source in (own, iter(self.slots), iter(self.slots)):
            if len(chosen) < OFFERED and (one := self._next(source, chosen)) is not None:
                chosen.append(one)
        return sorted(chosen, key=lambda one: one.start)

    def _next(self, source: Iterator[SlotView], chosen: Sequence[SlotView]) -> SlotView | None:
        taken = {(one.practitioner_id, one.day, one.part) for one in chosen}
        for one in source:
            if self.left[one.slot_id] > 0 and (one.practitioner_id, one.day, one.part) not in taken:
                self.left[one.slot_id] -= 1
                return one
        return None


async def tell_due(session: AsyncSession, services: Services, sms_account: str, now: datetime) -> int:
    """Tell a batch of those whose notice is due, in the caller's transaction; how many were dealt with."""
    owed = await closures.due(session, now, BATCH)
    places: dict[UUID, Places] = {}
    for notice in owed:
        closure = await session.get_one(ClinicClosure, notice.closure_id)
        if closure.id not in places:
            places[closure.id] = await Places.after(session, closure, now, BATCH)
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
    who = {"patient_id": view.patient_id.hex}
    options = [
        Option(
            f"slot{number}",
            half_day(services, one, channel),
            "book_appointment",
            {**who, "slot_id": one.slot_id.hex},
        )
        for number, one in enumerate(others, 1)
    ]
    other = {**who, "department_id": view.department_id.hex}
    options.append(Option("other", label("closure_other_time"), "book_appointment", other))
    return Reply("closure.cancelled", card(services, view, name, channel), tuple(options))


def _substituted(
    services: Services, view: AppointmentView, name: str, channel: str, substitute: str
) -> Reply:
    params = {**card(services, view, name, channel), "substitute": substitute}
    return Reply("closure.substituted", params, ways(view))


def half_day(services: Services, one: SlotView, channel: str) -> str:
    """A half-day offered, with its doctor: the words on an option."""
    at = services.clock.local_naive(one.start)
    part = say.part_name(one.part)
    if channel == ChannelName.SMS:
        return f"{say.day_short(at.date())}{part}{one.practitioner}"
    return f"{say.day(at.date())}{part} {one.practitioner} {one.title}"


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
