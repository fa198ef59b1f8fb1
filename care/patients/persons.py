"""One person behind several records and accounts, for limits that count by person."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientContact, Relation


async def contacts_of_person(session: AsyncSession, contact_id: UUID) -> list[UUID]:
    """This contact, the same person's others, and those bound as `self` to a record with the same ID number or phone.

    Who shares a phone on record with a spouse counts as one with them; used for limits only, never to show anything.
    """
    mine = (
        select(Patient.id, Patient.id_number_hash, Patient.phone_hash)
        .join(PatientContact, PatientContact.patient_id == Patient.id)
        .where(PatientContact.contact_id == contact_id, PatientContact.relation == Relation.SELF)
        .subquery()
    )
    same = or_(
        Patient.id.in_(select(mine.c.id)),
        Patient.id_number_hash.in_(select(mine.c.id_number_hash)),
        Patient.phone_hash.in_(select(mine.c.phone_hash)),
    )
    rows = await session.scalars(
        select(PatientContact.contact_id)
        .join(Patient, Patient.id == PatientContact.patient_id)
        .where(PatientContact.relation == Relation.SELF, same)
        .distinct()
    )
    return sorted({contact_id, *rows})
