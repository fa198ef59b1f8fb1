"""What of a reader's record chooses between the variations of an article, and only with their agreement."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.patients.models import Condition, Patient
from care.records.models import Pregnancy, Procedure, ProcedureStatus
from content.articles.doc import ArticleDoc
from content.articles.profiles import NOBODY, Profile
from content.reading import consents

AFTER_SURGERY = "surgery"
"""The topic in which weeks are counted from the last operation; in all others, from a pregnancy's beginning."""


async def profile_of(session: AsyncSession, patient_id: UUID, doc: ArticleDoc, today: date) -> Profile:
    """The reader's profile for `doc`; nobody's without `Purpose.PERSONAL`.

    Of their diagnoses only those the article is about are looked at: whoever opens the link learns nothing beyond the article.
    """
    if not doc.variations or not await consents.agreed(session, patient_id, Purpose.PERSONAL):
        return NOBODY
    patient = await session.get(Patient, patient_id)
    if patient is None:
        return NOBODY
    return Profile(
        sex=patient.sex,
        age=None if patient.birth_year is None else today.year - patient.birth_year,
        weeks=await _weeks(session, patient_id, doc.topic, today),
        conditions=await _conditions(session, patient_id, doc, today),
        stage=doc.stage,
    )


async def _weeks(session: AsyncSession, patient_id: UUID, topic: str, today: date) -> int | None:
    if topic == AFTER_SURGERY:
        since = await session.scalar(
            select(Procedure.performed_date)
            .where(
                Procedure.patient_id == patient_id,
                Procedure.status == ProcedureStatus.COMPLETED,
                Procedure.performed_date <= today,
            )
            .order_by(Procedure.performed_date.desc())
            .limit(1)
        )
    else:
        since = await session.scalar(
            select(Pregnancy.lmp_date)
            .where(
                Pregnancy.patient_id == patient_id,
                Pregnancy.lmp_date <= today,
                or_(Pregnancy.ended_date.is_(None), Pregnancy.ended_date > today),
            )
            .order_by(Pregnancy.lmp_date.desc())
            .limit(1)
        )
    return None if since is None else (today - since).days // 7


async def _conditions(
    session: AsyncSession, patient_id: UUID, doc: ArticleDoc, today: date
) -> frozenset[str]:
    codes = await session.scalars(
        select(Condition.code).where(
            Condition.patient_id == patient_id,
            or_(Condition.ended_date.is_(None), Condition.ended_date > today),
        )
    )
    about = tuple(doc.conditions)
    return frozenset(code for code in codes if about and code.startswith(about))
