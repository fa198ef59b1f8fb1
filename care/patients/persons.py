"""One person behind several records and accounts, for limits that count by person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientContact, Relation


async def contacts_of_person(session: AsyncSession, contact_id: UUID) -> list[UUID]:
    """This contact, the same person's others, and those bound as `self` to a record with the same ID number or phone.

    Who shares a phone on record with a spouse counts as one with them; used for limits only, never to show anything.
    """
    return sorted({contact_id, *await session.scalars(others_of_person(contact_id).distinct())})


def others_of_person(contact_id: Any) -> Select[UUID]:
    """As `contacts_of_person`, to be part of a statement; `contact_id` may be its parameter. Without the contact itself, if unbound."""
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
    return (
        select(PatientContact.contact_id)
        .join(Patient, Patient.id == PatientContact.patient_id)
        .where(PatientContact.relation == Relation.SELF, same)
    )
