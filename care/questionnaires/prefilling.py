"""What the record answers already is not asked: the birth date, the sex, and what the patient said last time.

The patient can go back to it and correct it on the page, and a nurse on the phone.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient
from care.questionnaires.models import AnswerNow
from care.questionnaires.parts import Definition, Item
from care.questionnaires.values import plausible, refused

_TRUE = {"true": True, "false": False}


async def known(session: AsyncSession, patient_id: UUID, definition: Definition) -> dict[str, Any]:
    """Answers by link id, for the items that say where theirs may be found; what is not on record, or would not be taken as an answer,
    is asked."""
    wanted = [item for item in definition.items if item.prefill is not None]
    if not wanted:
        return {}
    patient = await session.get_one(Patient, patient_id)
    last: dict[str, Any] = {}
    if any(item.prefill == "last" for item in wanted):
        mine = (AnswerNow.patient_id == patient_id, AnswerNow.questionnaire == definition.name)
        for row in await session.scalars(select(AnswerNow).where(*mine)):
            last[row.link_id] = row.number if row.number is not None else _TRUE.get(row.code or "", row.code)
    found: dict[str, Any] = {}
    for item in wanted:
        value = _value(item, patient, last)
        if value is not None and refused(item, value) is None and plausible(item, value):
            found[item.link_id] = value
    if len(found) == len(definition.items):
        found.popitem()  # something is left to ask, or nobody would ever finish it
    return found


def _value(item: Item, patient: Patient, last: dict[str, Any]) -> Any:
    match item.prefill:
        case "birth-date":
            return patient.birth_date
        case "sex":
            return patient.sex
        case _:
            value = last.get(item.link_id)
            return int(value) if item.type == "integer" and isinstance(value, float) else value
