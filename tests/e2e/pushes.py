"""What the house writes of its own accord in stories, queued the way the house does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments import remind
from actions.services import Services
from care.appointments import service as appointments
from care.consents import service as consents
from care.consents.models import Purpose
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from care.patients import identity
from care.patients.models import Patient, PatientContact
from care.questionnaires import asking
from care.questionnaires import service as questionnaires
from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.reply import Option, Reply
from store.clock import Clock
from store.ids import new_id
from tests.e2e.phone import Push


async def _whose(session: AsyncSession, conversation: Conversation) -> list[UUID]:
    """Whom the phone speaks for, else whoever has the number on record."""
    linked = await session.scalars(
        select(PatientContact.patient_id).where(PatientContact.contact_id == conversation.contact_id)
    )
    if found := list(linked):
        return found
    contact = await session.get(Contact, conversation.contact_id)
    assert contact is not None
    same = Patient.phone_hash == identity.phone_hash(contact.address)
    return list(await session.scalars(select(Patient.id).where(same)))


async def reminder(session: AsyncSession, conversation: Conversation, now: datetime) -> UUID:
    [view, *_] = await appointments.upcoming(session, await _whose(session, conversation), now=now)
    services = Services(
        database=cast("Any", None),
        clock=Clock("Asia/Shanghai"),
        faq=cast("Any", None),
        articles=cast("Any", None),
        gazetteer=GazetteerCache(),
        duty_hours=DutyHours.parse("Mon-Sun 08:00-17:30"),
        codes=cast("Any", None),
        hospital_name="",
        landline="",
        site="https://h.example",
    )
    row = await remind.remind(session, services, conversation, view.appointment_id, now=now)
    assert row is not None
    return row.id


async def survey(session: AsyncSession, conversation: Conversation, now: datetime) -> UUID:
    """An invitation to rate the visit, which the patient has agreed to get."""
    [patient_id, *_] = await _whose(session, conversation)
    await consents.decide(
        session,
        subject="contact",
        subject_id=conversation.contact_id,
        purpose=Purpose.SURVEY,
        granted=True,
        text_version="1",
        channel=conversation.channel,
        now=now,
    )
    key = f"survey:{new_id()}"
    row = await outbox.enqueue(
        session,
        conversation,
        Reply("survey.invite", {}, (Option("rate", "评价", "rate_service"),)),
        dedup_key=key,
        purpose="survey",
        now=now,
        patient_id=patient_id,
        priority=outbox.BULK_PRIORITY,
        instance=key,
        expires_at=now + timedelta(days=7),
    )
    assert row is not None
    return row.id


async def follow_up(session: AsyncSession, conversation: Conversation, now: datetime) -> UUID:
    """The check a week after an operation, which the patient has agreed to."""
    [patient_id, *_] = await _whose(session, conversation)
    await consents.decide(
        session,
        subject="contact",
        subject_id=conversation.contact_id,
        purpose=Purpose.FOLLOW_UP,
        granted=True,
        text_version="1",
        channel=conversation.channel,
        now=now,
    )
    response = await questionnaires.assign(
        session,
        "postop-day7",
        patient_id=patient_id,
        contact_id=conversation.contact_id,
        now=now,
        source="plan",
        key=f"postop:{new_id()}",
    )
    assert response is not None
    await asking.ask(session, response, now)
    response.due_at = now + timedelta(days=1)
    await session.flush()
    row = await session.scalar(
        select(OutboundMessage.id).where(OutboundMessage.dedup_key == f"questionnaire:{response.id}:1")
    )
    assert row is not None
    return row


PUSHES: dict[str, Push] = {"reminder": reminder, "survey": survey, "follow_up": follow_up}
