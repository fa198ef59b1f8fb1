"""Patients: making, finding, linking to contacts, and their timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, delete, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.patients import identity
from care.patients.models import (
    Condition,
    Patient,
    PatientContact,
    PatientNamePiece,
    PatientStatus,
    Relation,
)
from care.plans import stopping
from care.reminders import service as reminders
from care.rows import add_new, chunks
from channels.chinatime import CHINA
from store import audit, events
from store.events import PatientEvent

CLEARABLE = {
    "phone": ("phone", "phone_hash", "phone_last4_hash"),
    "id_number": ("id_number", "id_number_hash", "id_last4_hash"),
    "residence_code": ("residence_code",),
}
"""What belongs to a field that may be empty."""


@dataclass(frozen=True, slots=True)
class PatientData:
    """What a record system or a file says about a patient.

    `phone` in any usual spelling, checked by the caller.
    """

    record_number: str
    name: str
    sex: str
    birth_date: date | None = None
    phone: str | None = None
    id_number: str | None = None
    confidential: bool | None = None
    residence_code: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class LinkedPatient:
    """A patient a contact may act for. `label` is the person's own word for them, or None."""

    patient: Patient
    relation: Relation
    label: str | None
    confirmed_at: datetime


async def get(session: AsyncSession, patient_id: UUID) -> Patient | None:
    return await session.get(Patient, patient_id)


async def standing_id(session: AsyncSession, patient_id: UUID) -> UUID:
    """The record that stands for this one: itself, or what it was merged into."""
    query = select(func.coalesce(Patient.replaced_by, Patient.id)).where(Patient.id == patient_id)
    return await session.scalar(query) or patient_id


def numbered(number: str) -> ColumnElement[bool]:
    """Of `Patient`: who has this record number, or had it before two records were merged."""
    closed = aliased(Patient)
    digest = identity.record_hash(number)
    into = select(closed.replaced_by).where(closed.record_number_hash == digest)
    own = (Patient.record_number_hash == digest) & Patient.replaced_by.is_(None)
    return or_(own, Patient.id.in_(into))


async def get_by_record_number(session: AsyncSession, number: str) -> Patient | None:
    """The patient with this record number (any spelling of it), or None; of a merged record the one that stands."""
    return (await session.scalars(select(Patient).where(numbered(number)))).one_or_none()


async def ids_of_records(session: AsyncSession, numbers: Iterable[str]) -> dict[str, UUID]:
    """The patients with these record numbers, by the spelling given; unknown ones are left out."""
    hashes = {number: identity.record_hash(number) for number in numbers}
    found: dict[str, UUID] = {}
    for part in chunks(sorted(set(hashes.values()))):
        rows = await session.execute(
            select(Patient.record_number_hash, func.coalesce(Patient.replaced_by, Patient.id)).where(
                Patient.record_number_hash.in_(part)
            )
        )
        found.update({row[0]: row[1] for row in rows})
    return {number: found[one] for number, one in hashes.items() if one in found}


def build(data: PatientData, now: datetime, patient_id: UUID | None = None) -> Patient:
    """A new patient row, not yet added. Follow it with `name_pieces` (or use `create`)."""
    patient = Patient(created_at=now, confidential=False, **({"id": patient_id} if patient_id else {}))
    patient.status, patient.status_at = PatientStatus.ACTIVE, now
    apply_data(patient, data)
    return patient


def apply_data(patient: Patient, data: PatientData) -> None:
    """Write `data` and its look-up hashes into the row; what `data` does not say stays as it was."""
    patient.record_number = identity.fold_number(data.record_number)
    patient.record_number_hash = identity.record_hash(data.record_number)
    patient.name = identity.fold_name(data.name)
    patient.name_hash = identity.name_hash(data.name)
    patient.sex = data.sex
    if data.confidential is not None:
        patient.confidential = data.confidential
    patient.residence_code = data.residence_code or patient.residence_code
    patient.language = data.language or patient.language
    if data.birth_date is not None:
        patient.birth_year, patient.birth_date = data.birth_date.year, data.birth_date.isoformat()
    if data.phone is not None:
        phone = identity.parse_phone(data.phone)
        if phone is None:
            raise ValueError("phone: not a valid number; give a Chinese mobile or fixed number")
        patient.phone = phone
        patient.phone_hash = identity.phone_hash(phone)
        patient.phone_last4_hash = identity.phone_last4_hash(phone[-4:])
    if data.id_number is not None:
        number = identity.fold_number(data.id_number)
        patient.id_number = number
        patient.id_number_hash = identity.id_hash(number)
        patient.id_last4_hash = identity.id_last4_hash(number[-4:])


def name_pieces(patient: Patient) -> list[PatientNamePiece]:
    """The search rows that belong to the patient's name."""
    pieces = identity.stored_name_pieces(patient.name)
    return [PatientNamePiece(piece=piece, patient_id=patient.id) for piece in pieces]


async def create(
    session: AsyncSession, data: PatientData, now: datetime, patient_id: UUID | None = None
) -> Patient:
    """Add a patient. A record number that exists raises `IntegrityError`; look first."""
    patient = build(data, now, patient_id)
    session.add(patient)
    await session.flush()
    session.add_all(name_pieces(patient))
    return patient


async def update(session: AsyncSession, patient: Patient, data: PatientData) -> None:
    """Bring the row in line with `data`, the search pieces of a changed name included."""
    before = patient.name_hash
    apply_data(patient, data)
    if patient.name_hash != before:
        await session.execute(delete(PatientNamePiece).where(PatientNamePiece.patient_id == patient.id))
        session.add_all(name_pieces(patient))


def set_confidential(session: AsyncSession, patient: Patient, on: bool, *, by: UUID, at: datetime) -> bool:
    """From now on only staff in charge may see the record, or anybody again. False when it was so already."""
    if patient.confidential is on:
        return False
    patient.confidential = on
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action="confidential_on" if on else "confidential_off",
        subject=audit.subject_of("patient", patient.id),
        at=at,
    )
    return True


async def set_status(
    session: AsyncSession, patient: Patient, status: PatientStatus, *, at: datetime, actor: str
) -> bool:
    """Change the status; emits `patient.died`, `patient.moved` or `patient.active`.

    Plans and reminders of who died or moved end in the same transaction. False when it was so already.
    """
    if patient.status == status:
        return False
    before = patient.status
    patient.status, patient.status_at = status, at
    events.emit(session, patient.id, f"patient.{status}", at, before=before)
    if status != PatientStatus.ACTIVE:
        await stopping.end_of_patient(session, patient.id, status, at)
        await reminders.end_of_patient(session, patient.id, at)
    subject = audit.subject_of("patient", patient.id)
    audit.record(session, actor=actor, action=f"status.{status}", subject=subject, at=at)
    return True


def age(patient: Patient, today: date) -> int | None:
    """Whole years on the local day `today`."""
    born = date.fromisoformat(patient.birth_date) if patient.birth_date_sealed is not None else None
    return identity.age_on(today, born, patient.birth_year)


# --- search ---


async def search(session: AsyncSession, query: str, limit: int = 20) -> list[Patient]:
    """Patients by record, phone or identity number, last four of either, whole name or part of it.

    The caller records the read in the audit trail.
    """
    wanted = query.strip()
    if not wanted:
        return []
    number = identity.fold_number(wanted)
    exact = [
        numbered(wanted),
        Patient.id_number_hash == identity.id_hash(wanted),
        Patient.name_hash == identity.name_hash(wanted),
    ]
    if (phone := identity.parse_phone(wanted)) is not None:
        exact.append(Patient.phone_hash == identity.phone_hash(phone))
    if len(number) == 4 and number[:3].isdigit():
        exact.append(Patient.phone_last4_hash == identity.phone_last4_hash(number))
        exact.append(Patient.id_last4_hash == identity.id_last4_hash(number))
    standing = select(Patient).where(Patient.replaced_by.is_(None), or_(*exact))
    found = list(await session.scalars(standing.order_by(Patient.id).limit(limit)))
    if len(found) < limit and not number.isascii():
        known = {patient.id for patient in found}
        found += [row for row in await _by_name_part(session, wanted, limit) if row.id not in known]
    return found[:limit]


async def _by_name_part(session: AsyncSession, part: str, limit: int) -> list[Patient]:
    """Shortened hashes collide on purpose: what the index finds is checked against the opened name."""
    pieces = identity.wanted_name_pieces(part)
    ids = (
        select(PatientNamePiece.patient_id)
        .where(PatientNamePiece.piece.in_(pieces))
        .group_by(PatientNamePiece.patient_id)
        .having(func.count() == len(pieces))
        .order_by(PatientNamePiece.patient_id)
        .limit(limit * 4)
    )
    rows = await session.scalars(select(Patient).where(Patient.id.in_(ids)).order_by(Patient.id))
    folded = identity.fold_name(part)
    return [row for row in rows if folded in row.name][:limit]


# --- contacts ---


def _linked(contact_id: UUID) -> Select[Patient, PatientContact]:
    return (
        select(Patient, PatientContact)
        .join(PatientContact, PatientContact.patient_id == Patient.id)
        .where(PatientContact.contact_id == contact_id)
        .order_by(case((PatientContact.relation == Relation.SELF, 0), else_=1), PatientContact.confirmed_at)
    )


async def patients_of_contact(session: AsyncSession, contact_id: UUID) -> list[LinkedPatient]:
    """Whom this contact may act for: oneself first, then the family in the order they were confirmed."""
    rows = await session.execute(_linked(contact_id))
    return [
        LinkedPatient(patient, Relation(link.relation), link.label, link.confirmed_at)
        for patient, link in rows
    ]


async def contacts_of_patients(
    session: AsyncSession, patient_ids: Sequence[UUID]
) -> dict[UUID, list[PatientContact]]:
    """For a whole set of patients, their contacts, the patient's own first."""
    found: dict[UUID, list[PatientContact]] = {patient_id: [] for patient_id in patient_ids}
    for part in chunks(list(patient_ids)):
        rows = await session.scalars(
            select(PatientContact)
            .where(PatientContact.patient_id.in_(part))
            .order_by(
                case((PatientContact.relation == Relation.SELF, 0), else_=1), PatientContact.confirmed_at
            )
        )
        for row in rows:
            found[row.patient_id].append(row)
    return found


async def own_contacts(session: AsyncSession, contact_id: UUID) -> list[UUID]:
    """This contact and the same person's others (each bound as `self` to the same patient)."""
    me = select(PatientContact.patient_id).where(
        PatientContact.contact_id == contact_id, PatientContact.relation == Relation.SELF
    )
    rows = await session.scalars(
        select(PatientContact.contact_id).where(
            PatientContact.patient_id.in_(me), PatientContact.relation == Relation.SELF
        )
    )
    return sorted({contact_id, *rows})


async def link_contact(
    session: AsyncSession,
    patient_id: UUID,
    contact_id: UUID,
    relation: Relation,
    *,
    at: datetime,
    label: str | None = None,
) -> bool:
    """Let the contact act for the patient. False when it already may (the relation stays).

    Emits `contact.bound`.
    """
    link = PatientContact(
        patient_id=patient_id, contact_id=contact_id, relation=relation, confirmed_at=at, label=label
    )
    if not await add_new(session, link):
        return False
    data = {"contact_id": str(contact_id), "relation": relation.value}
    events.emit(session, patient_id, "contact.bound", at, **data)
    return True


async def unlink_contact(session: AsyncSession, patient_id: UUID, contact_id: UUID, *, at: datetime) -> bool:
    """The contact may no longer act for the patient. Emits `contact.unbound`."""
    gone = await session.execute(
        delete(PatientContact)
        .where(PatientContact.patient_id == patient_id, PatientContact.contact_id == contact_id)
        .returning(PatientContact.relation)
    )
    relation = gone.scalar()
    if relation is None:
        return False
    events.emit(session, patient_id, "contact.unbound", at, contact_id=str(contact_id), relation=relation)
    return True


async def change_relation(
    session: AsyncSession, patient_id: UUID, contact_id: UUID, relation: Relation
) -> Relation | None:
    """What the patient is to the contact was told wrongly. The relation before; None when there is no such link."""
    mine = (PatientContact.patient_id == patient_id, PatientContact.contact_id == contact_id)
    before = await session.scalar(select(PatientContact.relation).where(*mine))
    if before is None:
        return None
    await session.execute(sql_update(PatientContact).where(*mine).values(relation=relation))
    return Relation(before)


async def last_relation(session: AsyncSession, patient_id: UUID, contact_id: UUID) -> Relation | None:
    """What it was before the contact's link to the patient was removed; None when it never was one, or is one now."""
    rows = await session.scalars(
        select(PatientEvent)
        .where(
            PatientEvent.patient_id == patient_id, PatientEvent.kind.in_(("contact.bound", "contact.unbound"))
        )
        .order_by(PatientEvent.id.desc())
        .limit(50)
    )
    last = next((row for row in rows if row.data.get("contact_id") == str(contact_id)), None)
    if last is None or last.kind != "contact.unbound":
        return None
    return Relation(last.data.get("relation", Relation.OTHER))


# --- conditions and events ---


async def add_condition(
    session: AsyncSession,
    patient_id: UUID,
    code: str,
    display: str,
    onset: date | None,
    *,
    at: datetime,
    recorded: date | None = None,
) -> bool:
    """Record a diagnosis once per code, made on `recorded` (default: the day of `at`). Emits `condition.diagnosed` at `at`."""
    made = recorded or at.astimezone(CHINA).date()
    row = Condition(patient_id=patient_id, code=code, display=display, onset_date=onset, recorded_date=made)
    if not await add_new(session, row):
        return False
    events.emit(session, patient_id, "condition.diagnosed", at, code=code)
    return True


async def conditions(session: AsyncSession, patient_id: UUID) -> Sequence[Condition]:
    """Present and past diagnoses, newest onset first."""
    query = select(Condition).where(Condition.patient_id == patient_id)
    return (await session.scalars(query.order_by(Condition.onset_date.desc(), Condition.code))).all()


def record_event(session: AsyncSession, patient_id: UUID, kind: str, at: datetime, **codes: Any) -> None:
    """A dated fact from the record system (`encounter.discharged`, `procedure.performed`…).

    Ids and codes only.
    """
    events.emit(session, patient_id, kind, at, **codes)


async def timeline(
    session: AsyncSession,
    patient_id: UUID,
    *,
    kinds: Iterable[str] | None = None,
    before: datetime | None = None,
    limit: int = 100,
) -> Sequence[PatientEvent]:
    """What happened, newest first; `before` (exclusive) pages on."""
    query = select(PatientEvent).where(PatientEvent.patient_id == patient_id)
    if kinds is not None:
        query = query.where(PatientEvent.kind.in_(list(kinds)))
    if before is not None:
        query = query.where(PatientEvent.at < before)
    return (
        await session.scalars(query.order_by(PatientEvent.at.desc(), PatientEvent.id.desc()).limit(limit))
    ).all()
