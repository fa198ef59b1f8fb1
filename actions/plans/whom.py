"""Where a plan's message goes first; the gate's ladder takes it on from there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import OptOut, OptOutLevel
from care.patients.models import Patient, PatientContact
from care.reach import talks
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName
from store import sets


async def talk_of(
    session: AsyncSession, patient: Patient, channel: str | None, sms_account: str, now: datetime
) -> Conversation | None:
    """Who still wants to hear from us before who does not, the patient before the family, WeChat before a phone; else the phone on record.

    `channel`: this one only. None: nowhere.
    """
    found = await talks_of(session, [patient.id])
    return await choose(session, patient, found[patient.id], channel, sms_account, now)


async def choose(
    session: AsyncSession,
    patient: Patient,
    among: Sequence[Conversation],
    channel: str | None,
    sms_account: str,
    now: datetime,
) -> Conversation | None:
    """The same `among` the patient's (of `talks_of`)."""
    for talk in among:
        if channel is None or talk.channel == channel:
            return talk
    if channel == ChannelName.WECHAT or not patient.phone:
        return None
    _, made = await contacts.ensure(session, ChannelName.SMS, sms_account, patient.phone, now)
    return made


async def talks_of(session: AsyncSession, patient_ids: Sequence[UUID]) -> dict[UUID, list[Conversation]]:
    """By patient, whom to write to first."""
    stopped = exists().where(OptOut.contact_id == Contact.id, OptOut.level != OptOutLevel.NONE)
    query = talks.in_order(talks.first(~stopped)).where(
        sets.among(PatientContact.patient_id, "ids"), Contact.status == "active"
    )
    found: dict[UUID, list[Conversation]] = {one: [] for one in patient_ids}
    for patient_id, talk in (await session.execute(query, {"ids": list(patient_ids)})).tuples():
        found[patient_id].append(talk)
    return found
