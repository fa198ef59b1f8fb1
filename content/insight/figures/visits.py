"""Appointments and whether people came."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.hospital.models import HealthcareService
from content.insight.figures.rows import VisitRow
from content.insight.period import Period


async def visits(session: AsyncSession, period: Period) -> list[VisitRow]:
    """Appointments by the clinic's day, whatever became of them (index day, status)."""
    month = period.month_of_day(Appointment.day)
    rows = await session.execute(
        select(month, HealthcareService.name, Appointment.created_via, Appointment.status, func.count())
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .where(Appointment.day >= period.first, Appointment.day < period.after)
        .group_by(month, HealthcareService.name, Appointment.created_via, Appointment.status)
        .order_by(month, HealthcareService.name, Appointment.created_via, Appointment.status)
    )
    return [VisitRow(*row) for row in rows]
