"""Appointments as a booking system has them: those we told it, and those made at its own counters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments.models import Appointment, Slot, Status
from care.systems import refs
from care.systems.found import take_found
from care.systems.models import RefKind
from care.systems.outward import underway
from care.systems.port import Found
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import AppointmentFact, Outcome, Taken, Unusable


async def take_appointment(session: AsyncSession, system: str, fact: AppointmentFact, now: datetime) -> Taken:
    """What the system says is done, a conflict with ours is shown (`found.take_found`); one made there becomes ours.

    Emits `appointment.booked`, `accepted`, `moved`, `cancelled`, `arrived`, `fulfilled`, `noshow`. Raises `Unusable`: later, while what we
    told of the same appointment is on its way.
    """
    source = Source(system, "appointment", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    ours = await _ours(session, system, fact)
    if ours is not None:
        row = await session.get_one(Appointment, ours)
        if row.patient_id != fact.patient_id:
            raise Unusable("other_patient", fact.external_id)
        if await underway(session, ours):
            raise Unusable("underway", fact.external_id, later=True)
        was = (row.status, row.start)
        await take_found(session, system, _found(fact, ours), now)
        row = await session.get_one(Appointment, ours, populate_existing=True)
        outcome = Outcome.SAME if (row.status, row.start) == was else Outcome.CHANGED
    elif fact.status == Status.BOOKED:
        row, outcome = await _made(session, fact, now), Outcome.NEW
        await refs.remember(session, system, RefKind.APPOINTMENT, fact.external_id, row.id, now=now)
    else:
        # Cancelled, or over, before we heard of it: nothing to keep but that it was said.
        claims.keep(session, before, source, patient_id=fact.patient_id, row_id=None)
        return Taken(Outcome.SAME, fact.patient_id)
    claims.keep(session, before, source, patient_id=row.patient_id, row_id=row.id)
    if outcome != Outcome.SAME:
        claims.told(session, source, row.patient_id, row.id, outcome)
    return Taken(outcome, row.patient_id, row.id)


async def _ours(session: AsyncSession, system: str, fact: AppointmentFact) -> UUID | None:
    """By its own number; else by the one we gave it, which after a move still names the appointment there."""
    for name in (fact.external_id, str(fact.appointment_id) if fact.appointment_id else ""):
        if name and (known := await refs.ours(session, system, RefKind.APPOINTMENT, name)) is not None:
            return known
    if fact.appointment_id is None:
        return None
    row = await session.get(Appointment, fact.appointment_id)
    return None if row is None else row.id


def _found(fact: AppointmentFact, ours: UUID) -> Found:
    return Found(
        external_id=fact.external_id,
        status=fact.status.value,
        start=fact.start,
        key=str(ours),
        etag=None,
        said=fact.reason or "",
    )


async def _made(session: AsyncSession, fact: AppointmentFact, now: datetime) -> Appointment:
    """Raises `Unusable` where we know no such clinic: loaded later, the message can be taken again."""
    if fact.start is None:
        raise Unusable("no_start", fact.external_id)
    doctor = await claims.practitioner_named(session, fact.practitioner)
    slot: Slot | None = await session.scalar(
        select(Slot).where(Slot.practitioner_id == doctor.id, Slot.start == fact.start)
    )
    if slot is None:
        raise Unusable("no_slot", f"{doctor.code} {fact.start:%Y-%m-%d %H:%M}", later=True)
    return await decided.taken_on(session, fact.patient_id, slot, now)
