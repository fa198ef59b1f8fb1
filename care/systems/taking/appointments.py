"""Appointments as a booking system has them: those we told it, and those made at its own counters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments.models import Appointment, Slot, Status
from care.systems import conflicts, refs
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
        if fact.patient_id not in (None, row.patient_id):
            raise Unusable("other_patient", fact.external_id)
        if await underway(session, ours):
            raise Unusable("underway", fact.external_id, later=True)
        was = (row.status, row.slot_id)
        doctor = None
        if fact.practitioner and fact.status == Status.BOOKED:
            doctor = (await claims.practitioner_named(session, fact.practitioner)).code
        await take_found(session, system, _found(fact, ours, doctor), now)
        row = await session.get_one(Appointment, ours, populate_existing=True)
        outcome = Outcome.SAME if (row.status, row.slot_id) == was else Outcome.CHANGED
    elif fact.status == Status.BOOKED and (fact.start is None or fact.start > now):
        made = await _made(session, system, fact, now)
        if made is None:
            claims.keep(session, before, source, patient_id=fact.patient_id, row_id=None)
            return Taken(Outcome.SAME, fact.patient_id)
        row, outcome = made, Outcome.NEW
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


def _found(fact: AppointmentFact, ours: UUID, doctor: str | None) -> Found:
    return Found(
        external_id=fact.external_id,
        status=fact.status.value,
        start=fact.start,
        practitioner=doctor,
        key=str(ours),
        etag=None,
        said=fact.reason or "",
    )


async def _made(
    session: AsyncSession, system: str, fact: AppointmentFact, now: datetime
) -> Appointment | None:
    """None: the patient has another one there that half-day, which is shown. Raises `Unusable` where we know no such clinic (loaded later,
    the message can be taken again), and while one of ours that half-day is on its way."""
    if fact.patient_id is None:
        raise Unusable("no_record_number", fact.external_id)
    if fact.start is None:
        raise Unusable("no_start", fact.external_id)
    doctor = await claims.practitioner_named(session, fact.practitioner)
    slot: Slot | None = await session.scalar(
        select(Slot).where(Slot.practitioner_id == doctor.id, Slot.start == fact.start)
    )
    if slot is None:
        raise Unusable("no_slot", f"{doctor.code} {fact.start:%Y-%m-%d %H:%M}", later=True)
    mine = await decided.same_half_day(session, fact.patient_id, slot)
    if mine is not None:
        if await underway(session, mine.id):
            raise Unusable("underway", fact.external_id, later=True)
        known = await refs.theirs(session, system, RefKind.APPOINTMENT, mine.id)
        # The same minute of the same doctor is the same visit, told under its own number; another time is a second one.
        if known is not None and known.external_id != fact.external_id and mine.slot_id != slot.id:
            await conflicts.doubled(
                session, system, fact.external_id, mine, fact.start, fact.reason or "", now
            )
            return None
    return await decided.taken_on(session, fact.patient_id, slot, now)
