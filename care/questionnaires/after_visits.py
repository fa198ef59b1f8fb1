"""After a visit the patient is asked how it was: the doctor and the department come with the answer. Events by cursor, once a visit."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Status
from care.appointments.slips import UNDONE
from care.consents import service as consents
from care.consents.models import Purpose
from care.patients import service as patients
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.responses import assign, stop
from store.clock import Clock
from store.database import Database
from store.events import PatientEvent, advance, read_after

SATISFACTION = "satisfaction"
CONSUMER = "after_visits"
FRESH = timedelta(days=2)
"""Nobody is asked about a visit longer ago (an installation that is brought up to date)."""
NOT_AGAIN = timedelta(days=30)
"""Nobody is asked twice in so long, however often they come; ours."""
SPOKEN_OF = timedelta(days=30)
"""A visit so long ago is what somebody means who rates of their own accord; ours."""


async def ask_after_visits(database: Database, clock: Clock, wait: timedelta) -> int:
    """One batch of events; `wait`: from the end of the visit to the question. How many events were read."""
    now = clock.now()
    async with database.read("visits that ended") as session:
        found = await read_after(session, CONSUMER)
    if not found:
        return 0

    async def work(session: AsyncSession) -> None:
        for event in found:
            if event.kind == "appointment.fulfilled" and event.at > now - FRESH:
                await _ask(session, event, now, wait)
            elif event.kind == UNDONE:
                await _ask_not(session, event, now)
        await advance(session, CONSUMER, found[-1].id)

    await database.transact(work, "ask after visits")
    return len(found)


async def _ask(session: AsyncSession, event: PatientEvent, now: datetime, wait: timedelta) -> None:
    asked_lately = select(QuestionnaireResponse.id).where(
        QuestionnaireResponse.patient_id == event.patient_id,
        QuestionnaireResponse.name == SATISFACTION,
        QuestionnaireResponse.started_at > now - NOT_AGAIN,
        ~_NEVER_ASKED,
    )
    if await session.scalar(asked_lately.limit(1)) is not None or not await _agreed(
        session, event.patient_id
    ):
        return
    visit = event.data["appointment_id"]
    row = await assign(
        session,
        SATISFACTION,
        patient_id=event.patient_id,
        now=now,
        source="visit",
        key=_key(event),
        appointment_id=UUID(visit),
    )
    if row is not None:
        row.due_at = event.at + wait


async def _ask_not(session: AsyncSession, event: PatientEvent, now: datetime) -> None:
    """They had not been seen yet: the question that has not been sent is dropped, its key is free for the visit's real end."""
    asked = select(QuestionnaireResponse).where(
        QuestionnaireResponse.key == _key(event), QuestionnaireResponse.chased == 0
    )
    row = await session.scalar(asked)
    if row is not None and await stop(session, row, now=now, reason="withdrawn"):
        row.key = f"{row.key}:{row.id}"


def _key(event: PatientEvent) -> str:
    return f"visit:{event.data['appointment_id']}"


_NEVER_ASKED = and_(
    QuestionnaireResponse.status == ResponseStatus.STOPPED,
    QuestionnaireResponse.source == "visit",
    QuestionnaireResponse.chased == 0,
)


async def _agreed(session: AsyncSession, patient_id: UUID) -> bool:
    """Whether they agreed to surveys, on any of their own ways to us."""
    linked = (await patients.contacts_of_patients(session, [patient_id]))[patient_id]
    who = [consents.Recipient(one.contact_id, patient_id) for one in linked]
    found = await consents.verdicts(session, Purpose.SURVEY, who)
    return any(one.allowed for one in found.values())


async def visit_meant(session: AsyncSession, patient_id: UUID, now: datetime) -> UUID | None:
    """The last visit of somebody who rates of their own accord."""
    query = select(Appointment.id).where(
        Appointment.patient_id == patient_id,
        Appointment.status.in_((Status.ARRIVED, Status.FULFILLED)),
        Appointment.start > now - SPOKEN_OF,
        Appointment.start <= now,
    )
    found: UUID | None = await session.scalar(query.order_by(Appointment.start.desc()).limit(1))
    return found
