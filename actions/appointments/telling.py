"""Telling a patient of an appointment out of the blue: the card of its wording, and where it is told first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.services import Services
from care.appointments.feeds import links
from care.appointments.models import Appointment
from care.appointments.views import AppointmentView
from care.patients.models import Patient
from care.reach import talks
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName
from channels.reply import SENSITIVE
from channels.wording.labels import label


def card(services: Services, view: AppointmentView, name: str, channel: str) -> dict[str, Any]:
    """On SMS a sensitive department is called by its place."""
    at = services.clock.local_naive(view.start)
    hidden = channel == ChannelName.SMS and view.sensitive
    return {
        "name": name,
        "department": view.place if hidden else view.department,
        "doctor": view.practitioner,
        "when": say.moment(at),
        "when_short": say.moment_short(at),
        "place": view.place,
        **({SENSITIVE: True} if view.sensitive else {}),
    }


async def calendar_line(
    session: AsyncSession, services: Services, view: AppointmentView, channel: str, now: datetime
) -> str:
    """The sentence with the link to the appointment's calendar file; none by SMS, whose templates take no address."""
    if channel == ChannelName.SMS:
        return ""
    path = await links.for_appointment(session, view.appointment_id, now=now)
    return label("calendar_file", link=f"{services.site}{path}")


async def talk_about(
    session: AsyncSession, view: AppointmentView, patient: Patient, sms_account: str, now: datetime
) -> Conversation | None:
    """Where this is told first: the conversation it was booked in, the patient's own contact, the phone on record. The ladder goes on
    from there. None: nowhere, somebody has to call."""
    row = await session.get_one(Appointment, view.appointment_id)
    query = talks.in_order(talks.first(Contact.id == row.contact_id)).where(Contact.status == "active")
    if (found := await talks.the_first(session, query, patient.id)) is not None:
        return found
    if patient.phone:
        _, talk = await contacts.ensure(session, ChannelName.SMS, sms_account, patient.phone, now)
        return talk
    return None
