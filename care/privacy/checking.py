"""Who asks? The last four of the identity number, a few tries a day, good for a quarter of an hour."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import identity
from care.patients.models import Patient
from care.privacy.models import IdentityCheck
from store import audit
from store.database import insert_new

TRIES = 5
WINDOW = timedelta(hours=24)
GOOD_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Checked:
    """`left`: tries that remain in this day; 0 when none is left, whether or not this one was right."""

    passed: bool
    left: int


async def is_fresh(session: AsyncSession, contact_id: UUID, patient_id: UUID, now: datetime) -> bool:
    """Whether this contact proved itself just now."""
    row = await session.get(IdentityCheck, (contact_id, patient_id))
    return row is not None and row.passed_at is not None and row.passed_at > now - GOOD_FOR


async def check(
    session: AsyncSession, contact_id: UUID, patient: Patient, last4: str, *, now: datetime
) -> Checked:
    """Compare; the try is counted before it is compared, so that parallel guesses count too."""
    first = {
        "contact_id": contact_id,
        "patient_id": patient.id,
        "tries": 0,
        "began_at": now,
    }
    await insert_new(session, IdentityCheck, first)
    mine = (IdentityCheck.contact_id == contact_id, IdentityCheck.patient_id == patient.id)
    over = IdentityCheck.began_at <= now - WINDOW
    counted = await session.execute(
        update(IdentityCheck)
        .where(*mine, or_(over, IdentityCheck.tries < TRIES))
        .values(
            tries=case((over, 1), else_=IdentityCheck.tries + 1),
            began_at=case((over, now), else_=IdentityCheck.began_at),
        )
        .returning(IdentityCheck.tries)
        .execution_options(synchronize_session=False)
    )
    tries = counted.scalar()
    subject = audit.subject_of("patient", patient.id)
    if tries is None:
        return Checked(False, 0)
    given = identity.id_last4_hash(last4)
    passed = patient.id_last4_hash is not None and hmac.compare_digest(patient.id_last4_hash, given)
    if passed:
        await session.execute(update(IdentityCheck).where(*mine).values(passed_at=now, tries=0))
    action = "identity.passed" if passed else "identity.failed"
    audit.record(session, actor=f"contact:{contact_id}", action=action, subject=subject, at=now)
    return Checked(passed, TRIES - tries)


async def checkable(session: AsyncSession, patient_ids: tuple[UUID, ...]) -> Patient | None:
    """The first of these whose identity number is on record."""
    found = await session.scalars(
        select(Patient).where(Patient.id.in_(patient_ids), Patient.id_last4_hash.is_not(None))
    )
    by_id = {one.id: one for one in found}
    return next((by_id[one] for one in patient_ids if one in by_id), None)
