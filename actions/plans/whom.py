"""Where a plan's message goes first; the gate's ladder takes it on from there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import OptOut, OptOutLevel
from care.patients.models import Patient, PatientContact, Relation
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName


async def talk_of(
    session: AsyncSession, patient: Patient, channel: str | None, sms_account: str, now: datetime
) -> Conversation | None:
    """Who still wants to hear from us before who does not, the patient before the family, WeChat before a phone; else the phone on record.

    `channel`: this one only. None: nowhere.
    """
    stopped = exists().where(OptOut.contact_id == Contact.id, OptOut.level != OptOutLevel.NONE)
    query = (
        select(Conversation)
        .join(Contact, Contact.id == Conversation.contact_id)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(PatientContact.patient_id == patient.id, Contact.status == "active")
        .order_by(
            case((stopped, 1), else_=0),
            case((PatientContact.relation == Relation.SELF, 0), else_=1),
            case((Contact.channel == ChannelName.WECHAT, 0), else_=1),
            PatientContact.confirmed_at,
            Conversation.id,
        )
        .limit(1)
    )
    if channel is not None:
        query = query.where(Contact.channel == channel)
    found = (await session.scalars(query)).first()
    if found is not None or channel == ChannelName.WECHAT or not patient.phone:
        return found
    _, talk = await contacts.ensure(session, ChannelName.SMS, sms_account, patient.phone, now)
    return talk
