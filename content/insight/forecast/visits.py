"""What the demand forecast is made from: visits a day, places on offer and places already booked, by department."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Slot, Status
from care.appointments.planning import days_between, starts
from care.appointments.replanning import calendar, made_until, schedules_of
from care.hospital.models import HealthcareService
from care.hospital.workdays import workdays
from content.insight.forecast.demand import WEEK, Days
from content.insight.forecast.outlook import Outlook, outlook
from content.insight.forecast.trying import MOST_WEEKS

HISTORY = timedelta(weeks=52)
NO_DEMAND = (Status.CANCELLED, Status.PROPOSED)
"""What nobody came for or wanted any more. A visit that was missed was wanted, and took a place."""


@dataclass(frozen=True, slots=True)
class Department:
    """`visits` by day, to yesterday; `places` on offer and `booked` so far by day, from today on."""

    id: UUID
    name: str
    visits: Mapping[date, int]
    places: Mapping[date, int]
    booked: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Clinics:
    """All departments with clinics, and what kind of days they had and will have."""

    today: date
    days: Days
    departments: Sequence[Department]


async def clinics(session: AsyncSession, today: date) -> Clinics:
    """A year back, and as far ahead as is ever forecast."""
    first, last = today - HISTORY, today + timedelta(days=MOST_WEEKS * WEEK - 1)
    named = await session.execute(
        select(HealthcareService.id, HealthcareService.name)
        .where(HealthcareService.active, HealthcareService.kind == "clinic")
        .order_by(HealthcareService.position, HealthcareService.code)
    )
    seen: dict[UUID, dict[date, int]] = defaultdict(dict)
    ahead: dict[UUID, dict[date, int]] = defaultdict(dict)
    counted = await session.execute(
        select(Appointment.department_id, Appointment.day, func.count())
        .where(
            Appointment.day.between(first, last),
            Appointment.status.not_in(NO_DEMAND),
        )
        .group_by(Appointment.department_id, Appointment.day)
    )
    for department_id, day, number in counted:
        (seen if day < today else ahead)[department_id][day] = number
    places = await _places(session, today, last)
    return Clinics(
        today,
        Days.of(await workdays(session, first, last), first, last),
        [Department(row.id, row.name, seen[row.id], places[row.id], ahead[row.id]) for row in named],
    )


async def _places(session: AsyncSession, first: date, last: date) -> Mapping[UUID, Mapping[date, int]]:
    """Places patients may book: of slots where there are some already, by the weekly clinics and their exceptions after that."""
    found: dict[UUID, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    rows = await session.execute(
        select(Slot.department_id, Slot.day, func.sum(Slot.capacity))
        .where(Slot.day.between(first, last), Slot.status == "free")
        .group_by(Slot.department_id, Slot.day)
    )
    for department_id, day, number in rows:
        found[department_id][day] = int(number)
    begins = await made_until(session, first) + timedelta(days=1)
    if begins > last:
        return found
    weekly, of = await schedules_of(session, None), await calendar(session, begins, last)
    for day in days_between(begins, last):
        for clinic in weekly:
            if (hours := of.hours(clinic, day)) is not None:
                found[clinic.department_id][day] += hours.capacity * sum(
                    1 for _ in starts(clinic, day, hours)
                )
    return found


def outlook_of(of: Department, clinics: Clinics) -> Outlook:
    """The department's forecast; its history begins with its first visit. Some tenths of a second of computing."""
    begins = min(of.visits, default=clinics.today)
    days = clinics.days.since((begins - clinics.days.first).days)
    known = (clinics.today - begins).days
    return outlook([of.visits.get(begins + timedelta(days=n), 0) for n in range(known)], days)
