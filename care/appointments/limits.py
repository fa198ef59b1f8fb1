"""Whom a clinic may see, and how much one person may book: the same rules in the chat and at the desk."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.holding import LONGEST, Ask
from care.appointments.models import LIVE, Appointment, Slot, Status
from care.appointments.rules import BookingRules
from care.appointments.views import Limits, Refused, SlotView, Why
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus


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


async def may_hold(
    session: AsyncSession, wanted: SlotView, ask: Ask, found: Row[Any], rules: BookingRules | None
) -> Refused | None:
    """Whether the hold asked for may be made, apart from there being a place. `rules` None: no limits per person."""
    if found.patient_status in (None, PatientStatus.DIED):
        return Refused(Why.PATIENT_STATUS)
    if wanted.limits != Limits():
        # The sealed date of birth is read only where a clinic asks for it.
        patient = await session.get_one(Patient, ask.patient_id)
        # The start is ahead already, by the second: what is left to say of the day is the patient's age on it.
        if (unfit := may_book(patient, wanted, wanted.day)) is not None:
            return unfit
    if found.clash is not None and found.clash != ask.replaces_id:
        return Refused(Why.SAME_HALF_DAY, found.clash)
    if rules is None:
        return None
    if found.live:
        other = await overlapping(session, ask.patient_id, wanted, but=ask.replaces_id)
        if other is not None:
            return Refused(Why.OVERLAP, other)
    return await _person_limit(session, ask, found, rules)


async def overlapping(
    session: AsyncSession, patient_id: UUID, wanted: SlotView, *, but: UUID | None = None
) -> UUID | None:
    """The patient's first appointment, in whatever department, while `wanted` goes on: nobody is in two places. `but`: one that is moved.

    Who books for themselves is refused it; staff, who may know better, are asked.
    """
    query = (
        select(Appointment.id)
        .join(Slot, Slot.id == Appointment.slot_id)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.status.in_(LIVE),
            Appointment.start < wanted.end,
            Appointment.start > wanted.start - LONGEST,
            Slot.end > wanted.start,
        )
        .order_by(Appointment.start)
        .limit(1)
    )
    if but is not None:
        query = query.where(Appointment.id != but)
    found: UUID | None = await session.scalar(query)
    return found


async def _person_limit(
    session: AsyncSession, ask: Ask, found: Row[Any], rules: BookingRules
) -> Refused | None:
    """What the patient has ahead, and what the person who books holds and has booked, over all their contacts (`holding.ask_and_hold`).

    What this conversation holds already does not count: it will be given back.
    """
    if found.ahead - (ask.replaces_id is not None) >= rules.upcoming_per_patient:
        return Refused(Why.TOO_MANY_UPCOMING)
    if ask.contact_id is None:
        return None
    if ask.replaces_id is None and found.missed >= rules.noshows:
        paused = await _paused(session, ask.patient_id, ask.now, rules)
        if paused is not None:
            return Refused(Why.NOSHOWS, until=paused)
    if found.holds >= rules.holds_per_person:
        return Refused(Why.TOO_MANY_HOLDS)
    return Refused(Why.TOO_MANY_TODAY) if found.made >= rules.bookings_per_person_a_day else None


async def missed_lately(session: AsyncSession, patient_id: UUID, now: datetime, rules: BookingRules) -> int:
    """How many visits the patient stayed away from, as far back as they count."""
    stayed_away = (
        Appointment.patient_id == patient_id,
        Appointment.status == Status.NOSHOW,
        Appointment.start > now - rules.noshow_window,
    )
    return await session.scalar(select(func.count()).select_from(Appointment).where(*stayed_away)) or 0


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
