"""The rooms behind the ports: what the conversation and the delivery ask of `care`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import asides
from actions.appointments import remind
from actions.appointments.calling import WORTH
from actions.desk import ask_for_person, promised
from actions.services import Services
from bot.ports import InCharge
from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.appointments import service as appointments
from care.binding import service as binding
from care.consents import service as consents
from care.consents.models import OptOutLevel
from care.desk import holders
from care.desk import service as desk
from care.desk.due import soon
from care.desk.models import TaskKind
from care.patients import service as patients
from care.patients.models import Patient
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from channels.questions.holder import Holder
from channels.reply import Reply
from store import audit

_KINDS = {
    "message": TaskKind.HUMAN_REQUEST,
    "click": TaskKind.HUMAN_REQUEST,
    "voice": TaskKind.VOICE,
    "media": TaskKind.MEDIA,
    "correction": TaskKind.CORRECTION,
}


_HEARD = frozenset({"message", "click"})
"""What a patient says to the person who has the conversation."""


class CarePeople:
    """Implements `bot.ports.People`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def in_charge(
        self, session: AsyncSession, conversation_ids: Sequence[UUID]
    ) -> dict[UUID, InCharge]:
        held = await desk.in_charge_of(session, conversation_ids)
        return {
            one: InCharge(found.state, str(found.staff_id) if found.staff_id else None)
            for one, found in held.items()
        }

    async def on_duty(self, session: AsyncSession, now: datetime) -> bool:
        return self._services.duty_hours.on_duty(self._services.clock.local_naive(now))

    async def alert(
        self,
        session: AsyncSession,
        *,
        kind: Literal["emergency", "crisis"],
        contact: Contact,
        conversation: Conversation,
        inbound: InboundMessage,
        now: datetime,
    ) -> UUID:
        linked = await patients.patients_of_contact(session, contact.id)
        own = [one.patient.id for one in linked if one.relation == "self"]
        opened, _ = await alerts.open_alert(
            session,
            AlertKind(kind),
            text=inbound.text or "",
            now=now,
            inbound_id=inbound.id,
            conversation_id=conversation.id,
            contact_id=contact.id,
            patient_id=own[0] if len(own) == 1 else None,
        )
        return opened.id

    async def false_alarm(self, session: AsyncSession, alert_id: UUID, now: datetime) -> None:
        """The patient says so; the alert stays open for the nurse, who sees it."""
        await alerts.false_alarm(session, alert_id, now=now)

    async def to_desk(
        self,
        session: AsyncSession,
        *,
        kind: str,
        dedup_key: str,
        conversation: Conversation,
        contact: Contact,
        note: str,
        now: datetime,
    ) -> None:
        held = await desk.in_charge(session, conversation.id)
        if kind in _HEARD and held is not None and held.state == "taken":
            return  # whoever has the conversation sees it there
        task = _KINDS.get(kind, TaskKind.HUMAN_REQUEST)
        await desk.open_task(
            session,
            task,
            dedup_key=dedup_key,
            now=now,
            due_at=self._services.due_at(task, now),
            note=note,
            conversation_id=conversation.id,
            contact_id=contact.id,
        )

    async def call_a_person(
        self,
        session: AsyncSession,
        *,
        conversation: Conversation,
        contact: Contact,
        inbound_id: UUID,
        now: datetime,
    ) -> Reply:
        answer = await ask_for_person(session, self._services, contact, conversation, None)
        task, _ = await desk.open_task(
            session,
            TaskKind.DEAD_LETTER,
            dedup_key=f"dead:{inbound_id}",
            now=now,
            due_at=self._services.due_at(TaskKind.DEAD_LETTER, now),
            conversation_id=conversation.id,
            contact_id=contact.id,
        )
        until = answer.params.get("until") or promised(self._services, task.due_at)
        return Reply("common.handed_off", {"until": until})

    async def opt(
        self,
        session: AsyncSession,
        contact: Contact,
        word: Literal["content", "all", "resume"],
        now: datetime,
    ) -> None:
        if word == "resume":
            await consents.opt_in(session, contact.id, channel=contact.channel, now=now)
        else:
            level = OptOutLevel.ALL if word == "all" else OptOutLevel.CONTENT
            await consents.opt_out(session, contact.id, level, channel=contact.channel, now=now)

    async def coming(self, session: AsyncSession, contact_id: UUID, now: datetime) -> UUID | None:
        linked = await patients.patients_of_contact(session, contact_id)
        views = await appointments.upcoming(session, [one.patient.id for one in linked], now=now, limit=1)
        return views[0].appointment_id if views else None

    async def confirmed(
        self, session: AsyncSession, contact: Contact, appointment_id: UUID, now: datetime
    ) -> Reply:
        """Only for whom the contact may act still: an old reminder's option names the patient to whoever taps it."""
        view = await appointments.get(session, appointment_id)
        patient = await patients.get(session, view.patient_id) if view is not None else None
        if patient is None or not await self._may_act(session, contact, patient):
            return Reply("reminder.gone")
        return await remind.confirmed(session, self._services, appointment_id, contact.channel, now)

    @staticmethod
    async def _may_act(session: AsyncSession, contact: Contact, patient: Patient) -> bool:
        """Bound, or the phone on the patient's record, answered by whom it should be."""
        if contact.channel == ChannelName.SMS and patient.phone == contact.address:
            return contact.holder in ("self", "family")
        linked = await patients.patients_of_contact(session, contact.id)
        return any(one.patient.id == patient.id for one in linked)

    async def holder(self, session: AsyncSession, contact: Contact, said: Holder, now: datetime) -> bool:
        due = self._services.due_at(TaskKind.CORRECTION, now)
        return await holders.settle(session, contact, said, now=now, due_at=due)

    async def aside(
        self, session: AsyncSession, claimed: Claimed, inbound_id: UUID, aside: asides.Aside, now: datetime
    ) -> list[Reply]:
        heard = asides.Heard(self._services, claimed.contact, claimed.conversation, inbound_id, now)
        return await asides.answer(session, heard, aside)

    async def unfollowed(self, session: AsyncSession, contact: Contact, now: datetime) -> None:
        """The link of each patient to the openid ends, and what was to make one; what was done for them is kept."""
        actor = f"contact:{contact.id}"
        await binding.forget(session, contact.id, now)
        for linked in await patients.patients_of_contact(session, contact.id):
            await binding.unbind(
                session, contact_id=contact.id, patient_id=linked.patient.id, actor=actor, now=now
            )
        audit.record(
            session, actor=actor, action="unfollowed", subject=audit.subject_of("contact", contact.id), at=now
        )


class CareDesk:
    """Implements `channels.outbox.ports.TroubleDesk`. `due` says by when a task is to be seen to."""

    def __init__(self, due: Callable[[TaskKind, datetime], datetime] = soon) -> None:
        self._due = due

    async def uncertain(
        self, session: AsyncSession, message: OutboundMessage, detail: str, now: datetime
    ) -> None:
        await self._task(session, TaskKind.UNCERTAIN_SEND, f"uncertain:{message.id}", message, detail, now)

    async def cleared(self, session: AsyncSession, message_id: UUID, now: datetime) -> None:
        await desk.finish_by_key(session, f"uncertain:{message_id}", staff_id=None, now=now)

    async def undeliverable(
        self, session: AsyncSession, message: OutboundMessage, reason: str, now: datetime
    ) -> None:
        end = message.expires_at
        if message.purpose == "service_notice" and end is not None and end - message.created_at <= WORTH:
            return  # worth nothing any more before anybody could ring up: a word from the queue
        await self._task(session, TaskKind.CALL, f"call:{message.id}", message, reason, now)

    async def stopped(
        self, session: AsyncSession, hold_id: UUID, account: str, reason: str, now: datetime
    ) -> None:
        await desk.open_task(
            session,
            TaskKind.DEAD_LETTER,
            dedup_key=f"stopped:{hold_id}",
            now=now,
            due_at=now,
            note=f"{account} {reason}",
        )

    async def _task(
        self,
        session: AsyncSession,
        kind: TaskKind,
        key: str,
        message: OutboundMessage,
        note: str,
        now: datetime,
    ) -> None:
        await desk.open_task(
            session,
            kind,
            dedup_key=key,
            now=now,
            due_at=self._due(kind, now),
            note=note,
            conversation_id=message.conversation_id,
            contact_id=message.contact_id,
            patient_id=message.patient_id,
        )
