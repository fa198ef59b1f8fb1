"""The rooms behind the ports: what the conversation and the delivery ask of `care`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.desk import ask_for_person, promised
from actions.services import Services
from bot.ports import InCharge
from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate, Verdict
from channels.reply import Reply

_KINDS = {
    "message": TaskKind.HUMAN_REQUEST,
    "click": TaskKind.HUMAN_REQUEST,
    "voice": TaskKind.MEDIA,
    "media": TaskKind.MEDIA,
}
_PURPOSES = {
    "service_notice": Purpose.SERVICE_NOTICE,
    "follow_up": Purpose.FOLLOW_UP,
    "education": Purpose.EDUCATION,
    "survey": Purpose.SURVEY,
    "marketing": Purpose.MARKETING,
}


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
        await desk.open_task(
            session,
            _KINDS.get(kind, TaskKind.HUMAN_REQUEST),
            dedup_key=dedup_key,
            now=now,
            due_at=self._due(now),
            note=note,
            conversation_id=conversation.id,
            contact_id=contact.id,
        )

    def _due(self, now: datetime) -> datetime:
        """Half an hour of the desk's hours from `now`."""
        clock, within = self._services.clock, self._services.answer_within
        due = self._services.duty_hours.answer_by(clock.local_naive(now), within)
        return now + within if due is None else clock.to_utc(due)

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
            due_at=now + timedelta(minutes=30),
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


class CareDesk:
    """Implements `channels.outbox.ports.TroubleDesk`."""

    async def uncertain(
        self, session: AsyncSession, message: OutboundMessage, detail: str, now: datetime
    ) -> None:
        await self._task(session, TaskKind.UNCERTAIN_SEND, f"uncertain:{message.id}", message, detail, now)

    async def undeliverable(
        self, session: AsyncSession, message: OutboundMessage, reason: str, now: datetime
    ) -> None:
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
            due_at=now + timedelta(hours=1),
            note=note,
            conversation_id=message.conversation_id,
            contact_id=message.contact_id,
            patient_id=message.patient_id,
        )


class CarePolicy:
    """Implements `channels.outbox.ports.SendPolicy`: status of the contact and the patient, consent by purpose.

    Answers to what a patient wrote always go; everything else asks.
    """

    async def check(self, session: AsyncSession, batch: Sequence[Candidate], now: datetime) -> list[Verdict]:
        pairs = [(one.message, one.contact) for one in batch]
        gone = await self._gone(session, pairs)
        allowed = await self._allowed(session, pairs)
        return [self._one(message, contact, gone, allowed) for message, contact in pairs]

    @staticmethod
    async def _gone(
        session: AsyncSession, batch: Sequence[tuple[OutboundMessage, Contact]]
    ) -> dict[UUID, str]:
        ids = {message.patient_id for message, _ in batch if message.patient_id is not None}
        if not ids:
            return {}
        rows = await session.execute(
            select(Patient.id, Patient.status).where(
                Patient.id.in_(ids), Patient.status != PatientStatus.ACTIVE
            )
        )
        return {row[0]: str(row[1]) for row in rows}

    @staticmethod
    async def _allowed(
        session: AsyncSession, batch: Sequence[tuple[OutboundMessage, Contact]]
    ) -> dict[tuple[Purpose, consents.Recipient], consents.Verdict]:
        asked: dict[Purpose, list[consents.Recipient]] = {}
        for message, contact in batch:
            if (purpose := _PURPOSES.get(message.purpose)) is not None:
                asked.setdefault(purpose, []).append(consents.Recipient(contact.id, message.patient_id))
        found = {}
        for purpose, recipients in asked.items():
            for recipient, verdict in (await consents.verdicts(session, purpose, recipients)).items():
                found[purpose, recipient] = verdict
        return found

    @staticmethod
    def _one(
        message: OutboundMessage,
        contact: Contact,
        gone: dict[UUID, str],
        allowed: dict[tuple[Purpose, consents.Recipient], consents.Verdict],
    ) -> Verdict:
        if contact.status in ("unfollowed", "wrong_number"):
            return Verdict(False, contact.status)
        if message.purpose in ("reply", "code"):
            return Verdict(True)
        if contact.status != "active":
            return Verdict(False, contact.status)
        if message.patient_id in gone:
            return Verdict(False, f"patient_{gone[message.patient_id]}")
        purpose = _PURPOSES.get(message.purpose)
        if purpose is None:
            return Verdict(False, f"unknown_purpose:{message.purpose}")
        verdict = allowed[purpose, consents.Recipient(contact.id, message.patient_id)]
        return Verdict(verdict.allowed, "" if verdict.allowed else verdict.reason)
