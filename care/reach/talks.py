"""The conversation in which a patient hears of something that was not asked for: the one place where it is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientContact, Relation
from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName


def in_order(*before: ColumnElement[Any]) -> Select[UUID, Conversation]:
    """Patient and conversation, whom to write to first: what `before` puts first, then the patient's own contact before the family's,
    WeChat before a phone, what was bound first. The caller says of whom; whether it may be used is for the gate."""
    return (
        select(PatientContact.patient_id, Conversation)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .order_by(
            *before,
            first(PatientContact.relation == Relation.SELF),
            first(Contact.channel == ChannelName.WECHAT),
            PatientContact.confirmed_at,
            Conversation.id,
        )
    )


def first(true: ColumnElement[bool]) -> ColumnElement[int]:
    """An order: those of whom it is true before the others."""
    return case((true, 0), else_=1)


async def the_first(
    session: AsyncSession, query: Select[UUID, Conversation], patient_id: UUID | None
) -> Conversation | None:
    """The patient's first of `in_order`."""
    row = (await session.execute(query.where(PatientContact.patient_id == patient_id).limit(1))).first()
    return row[1] if row is not None else None


async def of_patients(session: AsyncSession, patient_ids: Sequence[UUID]) -> dict[UUID, Conversation]:
    """By patient, where there is one that is in use."""
    query = in_order().where(PatientContact.patient_id.in_(patient_ids), Contact.status == "active")
    found: dict[UUID, Conversation] = {}
    for patient_id, talk in (await session.execute(query)).tuples():
        found.setdefault(patient_id, talk)
    return found


async def of_patient(session: AsyncSession, patient_id: UUID) -> Conversation | None:
    return (await of_patients(session, [patient_id])).get(patient_id)
