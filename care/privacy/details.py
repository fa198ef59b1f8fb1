"""The fuller list in chat, after the check: what is on record, newest first, in a message somebody can read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.hospital.models import HealthcareService
from care.patients.models import Patient
from care.privacy.holdings import Whose, count
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from channels.wording.labels import label

EACH = 5
"""Of each kind; the copy has all of them."""


async def lines(session: AsyncSession, who: Whose, moment: Callable[[datetime], str]) -> str:
    """Who, the last visits and answers, and the numbers of everything else. `moment` says a time."""
    said: list[str] = []
    for one in await session.scalars(select(Patient).where(Patient.id.in_(who.patients))):
        phone = label("masked", tail=one.phone[-4:]) if one.phone_sealed is not None else label("none_kept")
        said.append(label("details_person", name=one.name, number=one.record_number, phone=phone))
    visits = await session.execute(
        select(Appointment.start, HealthcareService.name)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .where(Appointment.patient_id.in_(who.patients))
        .order_by(Appointment.start.desc())
        .limit(EACH)
    )
    said += [label("details_visit", when=moment(start), department=name) for start, name in visits]
    answers = await session.execute(
        select(QuestionnaireResponse.started_at, Questionnaire.title)
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(QuestionnaireResponse.patient_id.in_(who.patients))
        .order_by(QuestionnaireResponse.started_at.desc())
        .limit(EACH)
    )
    said += [label("details_answer", when=moment(at), title=title) for at, title in answers]
    chats = sum(one.number for one in await count(session, who) if one.holding.kind == "chat")
    said.append(label("details_chat", count=chats))
    return "\n".join(said)
