"""Whom a clinic may see, and how much one person may book: the same rules in the chat and at the desk."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, SlotHold, Status
from care.appointments.rules import BookingRules
from care.appointments.views import Refused, SlotView, Why
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.patients.persons import contacts_of_person


def may_book(patient: Patient, slot: SlotView, today: date) -> Refused | None:
    """Whether this patient fits this clinic: alive, age on the day of the visit, sex, a day not past. What is not known refuses nothing."""
    if patient.status == PatientStatus.DIED:
        return Refused(Why.PATIENT_STATUS)
    if slot.day < today:
        return Refused(Why.PAST)
    limits = slot.limits
    if limits.sex and patient.sex in ("male", "female") and patient.sex != limits.sex:
        return Refused(Why.SEX, limits=limits)
    age = patients.age(patient, slot.day)
    if age is None:
        return None
    too_young = limits.min_age is not None and age < limits.min_age
    too_old = limits.max_age is not None and age > limits.max_age
    return Refused(Why.AGE, limits=limits) if too_young or too_old else None


async def person_limit(
    session: AsyncSession, ask: SlotHold, now: datetime, rules: BookingRules
) -> Refused | None:
    """What the patient has ahead, and what the person who books holds and has booked, over all their contacts.

    What this conversation holds already does not count: it will be given back.
    """
    live = Appointment.status.in_((Status.PENDING, Status.BOOKED))
    ahead = await _count(session, Appointment.patient_id == ask.patient_id, live, Appointment.start > now)
    if ahead - (ask.replaces_id is not None) >= rules.upcoming_per_patient:
        return Refused(Why.TOO_MANY_UPCOMING)
    if ask.contact_id is None:
        return None
    if ask.replaces_id is None and (paused := await _paused(session, ask.patient_id, now, rules)) is not None:
        return Refused(Why.NOSHOWS, until=paused)
    person = await contacts_of_person(session, ask.contact_id)
    holds = select(func.count()).where(SlotHold.contact_id.in_(person), SlotHold.until > now)
    if ask.conversation_id is not None:
        other = or_(SlotHold.conversation_id.is_(None), SlotHold.conversation_id != ask.conversation_id)
        holds = holds.where(other)
    if (await session.scalar(holds) or 0) >= rules.holds_per_person:
        return Refused(Why.TOO_MANY_HOLDS)
    since = now - timedelta(days=1)
    made = await _count(session, Appointment.contact_id.in_(person), Appointment.created_at > since)
    return Refused(Why.TOO_MANY_TODAY) if made >= rules.bookings_per_person_a_day else None


async def _paused(
    session: AsyncSession, patient_id: UUID, now: datetime, rules: BookingRules
) -> datetime | None:
    """Until when a patient who stayed away too often books through people only; None: not at all."""
    latest = await session.scalars(
        select(Appointment.start)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.status == Status.NOSHOW,
            Appointment.start > now - rules.noshow_window,
        )
        .order_by(Appointment.start.desc())
        .limit(rules.noshows)
    )
    missed = list(latest)
    if len(missed) < rules.noshows:
        return None
    until = missed[0] + rules.noshow_pause
    return until if until > now else None


async def _count(session: AsyncSession, *conditions: Any) -> int:
    return await session.scalar(select(func.count()).select_from(Appointment).where(*conditions)) or 0
