"""Words staff put on a patient, for audiences and for each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientTag
from care.rows import add_new
from store import audit

LONGEST = 20
USED = 30


async def of(session: AsyncSession, patient_id: UUID) -> Sequence[PatientTag]:
    """The patient's tags, the oldest first."""
    query = select(PatientTag).where(PatientTag.patient_id == patient_id)
    return (await session.scalars(query.order_by(PatientTag.tagged_at, PatientTag.tag))).all()


async def used(session: AsyncSession) -> Sequence[str]:
    """The tags that are on most patients: one word for one thing."""
    query = select(PatientTag.tag).group_by(PatientTag.tag).order_by(func.count().desc(), PatientTag.tag)
    return (await session.scalars(query.limit(USED))).all()


async def add(session: AsyncSession, patient_id: UUID, tag: str, *, by: UUID, now: datetime) -> bool:
    """False when it is there already. Raises `ValueError` for one without words or longer than `LONGEST`."""
    words = " ".join(tag.split())
    if not words or len(words) > LONGEST:
        raise ValueError(f"a tag has 1 to {LONGEST} characters")
    row = PatientTag(patient_id=patient_id, tag=words, tagged_at=now, by=by)
    if not await add_new(session, row):
        return False
    _audit(session, patient_id, "tagged", by, now)
    return True


async def remove(session: AsyncSession, patient_id: UUID, tag: str, *, by: UUID, now: datetime) -> bool:
    """False when it was not there."""
    gone = await session.execute(
        delete(PatientTag)
        .where(PatientTag.patient_id == patient_id, PatientTag.tag == tag)
        .returning(PatientTag.tag)
    )
    if gone.first() is None:
        return False
    _audit(session, patient_id, "untagged", by, now)
    return True


def _audit(session: AsyncSession, patient_id: UUID, action: str, by: UUID, now: datetime) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=action,
        subject=audit.subject_of("patient", patient_id),
        at=now,
    )
