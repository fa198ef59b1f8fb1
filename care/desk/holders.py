"""What follows from who answers a phone number: links, what waited, and people told where the number on record is wrong."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.models import TaskKind
from care.gate import silence
from care.gate.reasons import Reason
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient, PatientContact, Relation
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.questions.holder import Holder
from channels.wording.labels import label
from store import audit


async def settle(
    session: AsyncSession, contact: Contact, said: Holder, *, now: datetime, due_at: datetime
) -> bool:
    """The phone has answered. Returns whether something that had waited for it goes out now.

    `wrong`: the number is stopped, what is queued is dropped, and people correct the record (task due `due_at`).
    """
    await session.execute(update(Contact).where(Contact.id == contact.id).values(holder=said))
    audit.record(
        session,
        actor=f"contact:{contact.id}",
        action=f"contact.holder_{said}",
        subject=audit.subject_of("contact", contact.id),
        at=now,
    )
    if said == "wrong":
        await _wrong_number(session, contact, now, due_at)
        return False
    await _link(session, contact, said, now)
    return await silence.let_go(session, contact.id, [Reason.HOLDER_UNKNOWN], now=now) > 0


async def corrected(
    session: AsyncSession, contact_id: UUID, holder: Holder, *, staff_id: UUID, now: datetime
) -> None:
    """A person has found out who answers the number; a stopped one may be written to again."""
    values = {"holder": holder, "status": "wrong_number" if holder == "wrong" else "active"}
    await session.execute(update(Contact).where(Contact.id == contact_id).values(**values))
    audit.record(
        session,
        actor=f"staff:{staff_id}",
        action=f"contact.holder_{holder}",
        subject=audit.subject_of("contact", contact_id),
        at=now,
    )


async def _wrong_number(session: AsyncSession, contact: Contact, now: datetime, due_at: datetime) -> None:
    await session.execute(
        update(Contact).where(Contact.id == contact.id).values(status=Reason.WRONG_NUMBER.value)
    )
    await session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.contact_id == contact.id, OutboundMessage.status == "queued")
        .values(status="suppressed", reason=Reason.WRONG_NUMBER.value, finished_at=now, due_at=None)
        .execution_options(synchronize_session=False)
    )
    concerned: list[UUID | None] = list(await _patients_at(session, contact))
    for patient_id in concerned or [None]:
        await desk.open_task(
            session,
            TaskKind.CORRECTION,
            dedup_key=f"wrong_number:{contact.id}:{patient_id or '-'}",
            now=now,
            due_at=due_at,
            note=label("task_wrong_number", last4=contact.address[-4:]),
            contact_id=contact.id,
            patient_id=patient_id,
        )


async def _patients_at(session: AsyncSession, contact: Contact) -> list[UUID]:
    """Whoever has this number on record, or is spoken for from it."""
    on_record = _on_record(contact)
    linked = select(PatientContact.patient_id).where(PatientContact.contact_id == contact.id)
    return list(await session.scalars(on_record.union(linked)))


def _on_record(contact: Contact) -> Select[UUID]:
    """A record that was merged into another is nobody of its own: it keeps its number, which is often the other's too."""
    number = identity.phone_hash(contact.address)
    return select(Patient.id).where(Patient.phone_hash == number, Patient.replaced_by.is_(None))


async def _link(session: AsyncSession, contact: Contact, said: Holder, now: datetime) -> None:
    """What waited was about these patients, and this is the number on their record: who answers there may act for them.

    The same proof as a binding's code, which goes to that number. Shared by several patients, it is nobody's own.
    """
    if said == "family":
        await session.execute(
            update(PatientContact)
            .where(PatientContact.contact_id == contact.id, PatientContact.relation == Relation.SELF)
            .values(relation=Relation.OTHER)
        )
    on_record = set(await session.scalars(_on_record(contact)))
    waited = await session.scalars(
        select(OutboundMessage.patient_id)
        .where(
            OutboundMessage.contact_id == contact.id,
            OutboundMessage.status == "queued",
            OutboundMessage.reason == Reason.HOLDER_UNKNOWN.value,
            OutboundMessage.patient_id.in_(on_record),
        )
        .distinct()
    )
    relation = Relation.SELF if said == "self" and len(on_record) == 1 else Relation.OTHER
    for patient_id in list(waited):
        if patient_id is not None:
            await patients.link_contact(session, patient_id, contact.id, relation, at=now)
