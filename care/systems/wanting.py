"""An appointment of ours in a system's own ids."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.decided import MADE_THERE
from care.appointments.models import Appointment, Slot
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from care.systems import refs
from care.systems.models import RefKind
from care.systems.port import Person, Wanted

LONGEST_CHAIN = 10
"""Moves of one appointment that are followed back; ours, a loop cannot arise."""


async def wanted(session: AsyncSession, system: str, appointment_id: UUID) -> Wanted:
    """Raises `NoResultFound` when there is no such appointment."""
    query = (
        select(Appointment, Slot, Patient, Practitioner.code, HealthcareService.code)
        .join(Slot, Slot.id == Appointment.slot_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .where(Appointment.id == appointment_id)
    )
    row, slot, patient, doctor, service = (await session.execute(query)).one()

    async def known(kind: RefKind, our_id: UUID) -> str | None:
        found = await refs.theirs(session, system, kind, our_id)
        return None if found is None else found.external_id

    mine = await refs.theirs(session, system, RefKind.APPOINTMENT, row.id)
    return Wanted(
        key=str(row.id),
        patient=_person(patient, await known(RefKind.PATIENT, patient.id)),
        slot=await known(RefKind.SLOT, slot.id),
        practitioner=await known(RefKind.PRACTITIONER, row.practitioner_id) or doctor,
        service=await known(RefKind.SERVICE, row.department_id) or service,
        start=slot.start,
        end=slot.end,
        fee_fen=row.fee_fen,
        external_id=None if mine is None else mine.external_id,
        etag=None if mine is None else mine.etag,
        made_there=row.created_via == MADE_THERE,
    )


async def standing(session: AsyncSession, system: str, appointment_id: UUID) -> UUID | None:
    """Of the appointments this one was moved from, the last that the system has; None: it has none."""
    found = appointment_id
    for _ in range(LONGEST_CHAIN):
        before = await session.scalar(select(Appointment.replaces_id).where(Appointment.id == found))
        if before is None:
            return None
        if await refs.theirs(session, system, RefKind.APPOINTMENT, before) is not None:
            return before
        found = before
    return None


def as_body(said: Wanted, old: Wanted | None) -> dict[str, Any]:
    """What is kept of what was said, for the page."""
    return {"appointment": _plain(said), **({} if old is None else {"instead_of": _plain(old)})}


def _plain(said: Wanted) -> dict[str, Any]:
    raw = asdict(said)
    raw["start"], raw["end"] = said.start.isoformat(), said.end.isoformat()
    raw["patient"]["birth_date"] = str(said.patient.birth_date or "")
    return raw


def _person(patient: Patient, external_id: str | None) -> Person:
    return Person(
        record_number=patient.record_number,
        name=patient.name,
        sex=patient.sex,
        birth_date=date.fromisoformat(patient.birth_date) if patient.birth_date else None,
        phone=patient.phone,
        id_number=patient.id_number,
        external_id=external_id,
    )
