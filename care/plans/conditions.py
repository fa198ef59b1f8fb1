"""Whether a step is for this patient, looked at when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import service as patients
from care.patients.models import Condition as Diagnosis
from care.patients.models import Patient
from care.plans.definition import Condition
from care.plans.models import Touch, TouchStatus
from care.questionnaires.models import AnswerNow
from channels.chinatime import CHINA


async def holds(
    session: AsyncSession, when: Condition, touch: Touch, patient: Patient, now: datetime
) -> bool:
    """Whether everything `when` names is so. An age nobody knows fulfils nothing."""
    if when.sex is not None and patient.sex != when.sex:
        return False
    if (when.min_age is not None or when.max_age is not None) and not _of_age(when, patient, now):
        return False
    if when.step is not None and await _answered(session, touch, when.step) != (when.is_ == "answered"):
        return False
    if when.codes and not await _diagnosed(session, patient.id, when.codes):
        return False
    if when.without and await _diagnosed(session, patient.id, when.without):
        return False
    return when.questionnaire is None or await _said(session, patient.id, when)


def _of_age(when: Condition, patient: Patient, now: datetime) -> bool:
    age = patients.age(patient, now.astimezone(CHINA).date())
    if age is None:
        return False
    return (when.min_age is None or age >= when.min_age) and (when.max_age is None or age <= when.max_age)


async def _answered(session: AsyncSession, touch: Touch, step: str) -> bool:
    other = (Touch.care_plan_id == touch.care_plan_id, Touch.step == step)
    query = select(Touch.id).where(*other, Touch.status == TouchStatus.ANSWERED)
    return await session.scalar(query.limit(1)) is not None


async def _diagnosed(session: AsyncSession, patient_id: UUID, codes: Sequence[str]) -> bool:
    coded: ColumnElement[bool] = or_(*(Diagnosis.code.startswith(one, autoescape=True) for one in codes))
    query = select(Diagnosis.id).where(
        Diagnosis.patient_id == patient_id, Diagnosis.ended_date.is_(None), coded
    )
    return await session.scalar(query.limit(1)) is not None


async def _said(session: AsyncSession, patient_id: UUID, when: Condition) -> bool:
    newest: Any = (
        await session.execute(
            select(AnswerNow.code, AnswerNow.number).where(
                AnswerNow.patient_id == patient_id,
                AnswerNow.questionnaire == when.questionnaire,
                AnswerNow.link_id == when.item,
            )
        )
    ).first()
    if newest is None:
        return False
    if when.answer and newest.code not in when.answer:
        return False
    if when.at_least is not None and (newest.number is None or newest.number < when.at_least):
        return False
    return when.at_most is None or (newest.number is not None and newest.number <= when.at_most)
