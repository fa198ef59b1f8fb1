"""Finished surveys of a period by department, doctor, month and score: numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.hospital.models import HealthcareService, Practitioner
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from content.insight.period import Period

MARKS = ("satisfaction", "satisfaction-inpatient")
"""Questionnaires whose score is a mark of 1 (very unhappy) to 5."""
RECOMMEND = "recommend"
"""推荐意愿, 0 to 10."""


class Scored(NamedTuple):
    """`department`, `doctor`: names, empty where the survey names no visit. `month`: its place in the period."""

    questionnaire: str
    department: str
    doctor: str
    month: int
    score: int
    number: int


async def scored(session: AsyncSession, period: Period) -> Sequence[Scored]:
    """All of them, in one statement."""
    one = QuestionnaireResponse
    month = period.month_of(one.started_at)
    department = func.coalesce(HealthcareService.name, "")
    doctor = func.coalesce(Practitioner.name, "")
    rows = await session.execute(
        select(one.name, department, doctor, month, one.score, func.count())
        .outerjoin(Appointment, Appointment.id == one.appointment_id)
        .outerjoin(HealthcareService, HealthcareService.id == Appointment.department_id)
        .outerjoin(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .where(
            one.name.in_((*MARKS, RECOMMEND)),
            period.holds(one.started_at),
            one.status == ResponseStatus.COMPLETED,
            one.score.is_not(None),
        )
        .group_by(one.name, department, doctor, month, one.score)
        .order_by(one.name, department, doctor, month, one.score)
    )
    return [Scored(*row[:4], row[4] or 0, row[5]) for row in rows]
