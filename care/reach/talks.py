"""The conversation in which a patient hears of something that was not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientContact, Relation
from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName


async def of_patients(session: AsyncSession, patient_ids: Sequence[UUID]) -> dict[UUID, Conversation]:
    """The patient's own contact before the family's, WeChat before a phone; whether it may be used is for the gate."""
    query = (
        select(PatientContact.patient_id, Conversation)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .where(PatientContact.patient_id.in_(patient_ids), Contact.status == "active")
        .order_by(
            case((PatientContact.relation == Relation.SELF, 0), else_=1),
            case((Contact.channel == ChannelName.WECHAT, 0), else_=1),
            PatientContact.confirmed_at,
            Conversation.id,
        )
    )
    found: dict[UUID, Conversation] = {}
    for patient_id, talk in (await session.execute(query)).tuples():
        found.setdefault(patient_id, talk)
    return found


async def of_patient(session: AsyncSession, patient_id: UUID) -> Conversation | None:
    return (await of_patients(session, [patient_id])).get(patient_id)
