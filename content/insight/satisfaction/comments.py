"""What dissatisfied patients wrote, for those who look after patients: who sees words sees a person, so each look is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.appointments.models import Appointment
from care.hospital.models import HealthcareService
from care.patients.models import Patient
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.recovery.words import comment_of
from content.insight.period import Period
from content.insight.satisfaction.figures import MARKS, RECOMMEND
from web.signin.models import StaffUser

LOOKED_AT = 300
SHOWN = 50
PAGE = "satisfaction"


@dataclass(frozen=True, slots=True)
class Comment:
    """`score` as given; `department` empty where the survey names no visit."""

    at: datetime
    department: str
    score: int
    text: str


async def comments(session: AsyncSession, staff: StaffUser, period: Period, now: datetime) -> list[Comment]:
    """The newest of the period, without names; not those of confidential patients who are not in the reader's charge."""
    rows = (
        await session.execute(
            select(QuestionnaireResponse, HealthcareService.name)
            .outerjoin(Appointment, Appointment.id == QuestionnaireResponse.appointment_id)
            .outerjoin(HealthcareService, HealthcareService.id == Appointment.department_id)
            .where(
                QuestionnaireResponse.name.in_((*MARKS, RECOMMEND)),
                period.holds(QuestionnaireResponse.started_at),
                QuestionnaireResponse.status == ResponseStatus.COMPLETED,
            )
            .order_by(QuestionnaireResponse.started_at.desc())
            .limit(LOOKED_AT)
        )
    ).all()
    ids = {row.patient_id for row, _ in rows if row.patient_id}
    whom = (await session.scalars(select(Patient).where(Patient.id.in_(ids)))).all()
    secret = await access.hidden(session, staff.id, whom, now=now)
    found: list[Comment] = []
    seen = set()
    for row, department in rows:
        text = comment_of(row.name, row.answers).strip()
        if not text or row.patient_id in secret or len(found) >= SHOWN:
            continue
        found.append(Comment(row.started_at, department or "", row.score or 0, text))
        seen.add(row.patient_id)
    await access.seen(session, staff, [one for one in seen if one], PAGE, now=now)
    return found
