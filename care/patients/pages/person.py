"""What stands beside the timeline: who the patient is, who speaks for them, diagnoses, team, tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.access.models import CareTeamMember
from care.patients import service as patients
from care.patients import tags
from care.patients.identity import mask_phone
from care.patients.models import Condition, Patient, PatientContact, PatientTag
from care.records.models import Pregnancy, Procedure
from care.timeline.ports import Who
from channels.contacts.models import Contact, Conversation
from channels.ops.shown import masked
from store.clock import Clock
from web.signin.models import StaffUser

NUMBERS = ("phone", "id_number", "record_number", "birth_date")
"""What is masked until it is asked for, each by itself."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A contact that speaks for the patient. `others`: how many other patients it speaks for; `hidden`: one of them is not for
    this reader, so what was said there is not shown."""

    link: PatientContact
    contact: Contact
    conversation_id: UUID | None
    address: str
    label: str
    others: int = 0
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Everything the page shows of the patient at once."""

    patient: Patient
    age: int | None
    numbers: dict[str, str]
    speakers: Sequence[Speaker]
    conditions: Sequence[Condition]
    procedures: Sequence[Procedure]
    pregnancies: Sequence[Pregnancy]
    team: Sequence[tuple[CareTeamMember, str]]
    tags: Sequence[PatientTag]
    used_tags: Sequence[str] = field(default=())

    @property
    def preferred(self) -> str:
        """The channel the ladder begins with: WeChat where the patient or who speaks for them is bound to it."""
        alive = [one.contact.channel for one in self.speakers if one.contact.status == "active"]
        return "wechat" if "wechat" in alive else "sms" if alive else ""


async def person_of(session: AsyncSession, patient: Patient, staff: StaffUser, clock: Clock) -> Person:
    """For the reader `staff`, who may see the patient."""
    of_patient = patient.id
    procedures = select(Procedure).where(Procedure.patient_id == of_patient)
    pregnancies = select(Pregnancy).where(Pregnancy.patient_id == of_patient)
    return Person(
        patient=patient,
        age=patients.age(patient, clock.local().date()),
        numbers={name: masked_number(patient, name) for name in NUMBERS},
        speakers=await speakers(session, patient, staff, clock),
        conditions=await patients.conditions(session, of_patient),
        procedures=(await session.scalars(procedures.order_by(Procedure.performed_date.desc()))).all(),
        pregnancies=(await session.scalars(pregnancies.order_by(Pregnancy.lmp_date.desc()))).all(),
        team=await access.team_of(session, of_patient),
        tags=await tags.of(session, of_patient),
        used_tags=await tags.used(session),
    )


def number(patient: Patient, name: str) -> str:
    """One of `NUMBERS` in full; empty where it is not known."""
    value = getattr(patient, name) or ""
    return str(value).removeprefix("+86") if name == "phone" else str(value)


def masked_number(patient: Patient, name: str) -> str:
    value = number(patient, name)
    if not value:
        return ""
    match name:
        case "phone":
            return mask_phone(str(patient.phone))
        case "birth_date":
            return f"{value[:4]}-**-**"
        case _:
            return f"{'*' * 4}{value[-4:]}"


async def speakers(session: AsyncSession, patient: Patient, staff: StaffUser, clock: Clock) -> list[Speaker]:
    """The patient's own contacts first."""
    links = (await patients.contacts_of_patients(session, [patient.id]))[patient.id]
    ids = [one.contact_id for one in links]
    found = await session.execute(
        select(Contact, Conversation.id)
        .outerjoin(Conversation, Conversation.contact_id == Contact.id)
        .where(Contact.id.in_(ids))
    )
    contacts = {contact.id: (contact, conversation_id) for contact, conversation_id in found}
    shared = (
        await session.execute(
            select(PatientContact.contact_id, Patient)
            .join(Patient, Patient.id == PatientContact.patient_id)
            .where(PatientContact.contact_id.in_(ids), Patient.id != patient.id)
        )
    ).all()
    hidden = await access.hidden(session, staff.id, [one for _, one in shared], now=clock.now())
    return [
        Speaker(
            link=link,
            contact=contacts[link.contact_id][0],
            conversation_id=contacts[link.contact_id][1],
            address=masked(contacts[link.contact_id][0].channel, contacts[link.contact_id][0].address or ""),
            label=link.label or "",
            others=sum(contact_id == link.contact_id for contact_id, _ in shared),
            hidden=any(contact_id == link.contact_id and one.id in hidden for contact_id, one in shared),
        )
        for link in links
        if link.contact_id in contacts
    ]


def who_of(patient: Patient, found: Sequence[Speaker]) -> Who:
    """Whose timeline: the conversations this reader may see."""
    return Who(
        patient.id,
        tuple(one.contact.id for one in found),
        tuple(one.conversation_id for one in found if one.conversation_id is not None and not one.hidden),
    )
