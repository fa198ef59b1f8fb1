"""One person behind several records and accounts, for limits that count by person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, literal, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientContact, Relation


async def contacts_of_person(session: AsyncSession, contact_id: UUID) -> list[UUID]:
    """This contact, the same person's others, and those bound as `self` to a record with the same ID number or phone.

    Who shares a phone on record with a spouse counts as one with them; used for limits only, never to show anything.
    """
    which = literal(contact_id, PatientContact.contact_id.type)
    return sorted(await session.scalars(select(accounts_of_person(which).subquery().c.contact_id)))


def accounts_of_person(contact_id: Any) -> CompoundSelect[UUID]:
    """As `contacts_of_person`, to be part of a statement; `contact_id` may be its parameter.

    One search by index for each way to be the same: with `OR` between them PostgreSQL reads every binding there is, with joins SQLite.
    """
    mine = (
        select(Patient.id, Patient.id_number_hash, Patient.phone_hash)
        .join(PatientContact, PatientContact.patient_id == Patient.id)
        .where(PatientContact.contact_id == contact_id, PatientContact.relation == Relation.SELF)
        .cte("mine")
    )

    def bound(same: Any, as_mine: Any) -> Select[UUID]:
        patients = select(Patient.id).where(same.in_(select(as_mine)))
        return select(PatientContact.contact_id).where(
            PatientContact.relation == Relation.SELF, PatientContact.patient_id.in_(patients)
        )

    return union(
        select(contact_id.label("contact_id")),
        bound(Patient.id, mine.c.id),
        bound(Patient.id_number_hash, mine.c.id_number_hash),
        bound(Patient.phone_hash, mine.c.phone_hash),
    )
