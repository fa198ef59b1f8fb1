"""Whether two records may be one person's: what says otherwise is for people to look at, not for a machine to overrule."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.appointments.models import LIVE, Appointment
from care.patients.models import Patient, PatientContact, Relation

IDENTITY = ("id_number_hash", "name_hash", "birth_date", "sex")
"""Compared where both records say something; a citizen's number that agrees settles a name written otherwise."""
_SAYS = {"id_number_hash": "id_number", "name_hash": "name"}


def differences(kept: Patient, gone: Patient) -> list[str]:
    """Codes of what the two say differently: `id_number`, `name`, `birth_date`, `sex`, `status`."""
    same_number = kept.id_number_hash is not None and kept.id_number_hash == gone.id_number_hash
    found = []
    for column in IDENTITY:
        one, other = getattr(kept, column), getattr(gone, column)
        if one in (None, "", "unknown") or other in (None, "", "unknown") or one == other:
            continue
        if not (column == "name_hash" and same_number):
            found.append(_SAYS.get(column, column))
    if kept.status != gone.status:
        found.append("status")
    return found


async def claims_both(session: AsyncSession, kept: UUID, gone: UUID) -> bool:
    """Whether somebody is the one and a relative of the other: then these are two people."""
    mine, theirs = aliased(PatientContact), aliased(PatientContact)
    found = (
        select(mine.id)
        .join(theirs, theirs.contact_id == mine.contact_id)
        .where(mine.patient_id == kept, theirs.patient_id == gone, mine.relation != theirs.relation)
        .where((mine.relation == Relation.SELF) | (theirs.relation == Relation.SELF))
    )
    return await session.scalar(found.limit(1)) is not None


async def booked_twice(session: AsyncSession, kept: UUID, gone: UUID) -> bool:
    """Whether both have an appointment in one half-day of one department: which of them stands, people decide."""
    mine, theirs = aliased(Appointment), aliased(Appointment)
    found = (
        select(mine.id)
        .join(
            theirs,
            (theirs.department_id == mine.department_id)
            & (theirs.day == mine.day)
            & (theirs.part == mine.part),
        )
        .where(mine.patient_id == kept, theirs.patient_id == gone)
        .where(mine.status.in_(LIVE), theirs.status.in_(LIVE))
    )
    return await session.scalar(found.limit(1)) is not None
