"""The audit pages' side of the house: who stands behind a subject of the trail."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.patients import service as patients
from care.patients.identity import mask_name
from care.patients.models import Patient, PatientContact
from channels.contacts.models import Contact, Conversation
from channels.ops.shown import masked
from channels.outbox.models import OutboundMessage
from server.house import House
from server.wording import page_words
from store.audit import subject_of
from web.audit.pages import AuditDesk, audit_router
from web.audit.ports import Person

FOUND = 20
MESSAGES = 5000
"""A person's newest messages whose rows are found by searching for the person."""


class TrailPeople:
    """Implements `web.audit.ports.People`."""

    async def find(self, session: AsyncSession, text: str) -> list[Person]:
        found = await patients.search(session, text, FOUND)
        return [Person(subject_of("patient", one.id), _called(one)) for one in found]

    async def everything(self, session: AsyncSession, subject: str) -> Collection[str]:
        ids = _ids("patient", [subject])
        if not ids:
            return [subject]
        contacts = {
            one.contact_id
            for of in (await patients.contacts_of_patients(session, ids)).values()
            for one in of
        }
        wanted: dict[str, Iterable[UUID]] = {
            "patient": ids,
            "contact": contacts,
            "conversation": await session.scalars(
                select(Conversation.id).where(Conversation.contact_id.in_(contacts))
            ),
            "outbound": await session.scalars(
                select(OutboundMessage.id)
                .where(OutboundMessage.contact_id.in_(contacts) | OutboundMessage.patient_id.in_(ids))
                .order_by(OutboundMessage.id.desc())
                .limit(MESSAGES)
            ),
            "alert": await session.scalars(select(Alert.id).where(Alert.patient_id.in_(ids))),
        }
        return [subject_of(kind, one) for kind, found in wanted.items() for one in found]

    async def labels(self, session: AsyncSession, subjects: Collection[str]) -> Mapping[str, str]:
        people = await session.scalars(select(Patient).where(Patient.id.in_(_ids("patient", subjects))))
        labels = {subject_of("patient", one.id): _called(one) for one in people}
        contacts = await session.execute(
            select(Contact, Patient)
            .outerjoin(PatientContact, PatientContact.contact_id == Contact.id)
            .outerjoin(Patient, Patient.id == PatientContact.patient_id)
            .where(Contact.id.in_(_ids("contact", subjects)))
        )
        for contact, patient in contacts:
            behind = f" → {_called(patient)}" if patient is not None else ""
            labels[subject_of("contact", contact.id)] = (
                masked(contact.channel, contact.address or "") + behind
            )
        return labels


def _called(patient: Patient) -> str:
    """Enough to tell one from another for whoever knows them; of a confidential patient not even the masked name."""
    name = page_words()["confidential"] if patient.confidential else mask_name(patient.name)
    return f"{name} ＊{patient.record_number[-4:]}"


def _ids(kind: str, subjects: Iterable[str]) -> list[UUID]:
    ids = []
    for subject in subjects:
        of, _, key = subject.partition(":")
        if of == kind:
            try:
                ids.append(UUID(key))
            except ValueError:
                continue
    return ids


def add_audit(app: FastAPI, house: House) -> None:
    """`/admin/audit`."""
    app.include_router(audit_router(AuditDesk(house.database, house.clock, house.sealer, TrailPeople())))
