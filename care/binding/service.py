"""Binding: name and record number (or the identity number, whole or its last four), then a code to the phone on record.

What the patient hears never depends on whether the record exists: a miss makes a decoy challenge that takes
the same tries and time. The masked phone number is not shown either, since only a real record could have
one.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.binding.models import BindingAttempt, BindingQr
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from store import audit, crypto

CODE_LIFE = timedelta(minutes=10)
MAX_TRIES = 5
WINDOW = timedelta(hours=24)
MAX_STARTS_PER_CONTACT = 5
MAX_CODES_PER_PATIENT = 5


@dataclass(frozen=True, slots=True)
class OutgoingCode:
    """A code the caller must queue as an SMS, in the same transaction. `phone` is E.164."""

    phone: str
    code: str


@dataclass(frozen=True, slots=True)
class Started:
    """Say the same to everyone: "if it matches, a code is on its way".

    `outgoing` is None when nothing matched.
    """

    challenge_id: UUID
    expires_at: datetime
    outgoing: OutgoingCode | None


@dataclass(frozen=True, slots=True)
class TooMany:
    """This contact has used its attempts; the next is possible at `retry_at`."""

    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Bound:
    """`new` is False when the contact already was bound to this patient."""

    patient_id: UUID
    relation: Relation
    new: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not the code. `left` tries remain (at least one)."""

    left: int


@dataclass(frozen=True, slots=True)
class Expired:
    """Too old, used, replaced by a newer one, or not this contact's."""


@dataclass(frozen=True, slots=True)
class Locked:
    """That was the last try."""


def _code_hash(challenge_id: UUID, code: str) -> str:
    return crypto.lookup(f"{challenge_id}:{code}", "binding.code")


async def start(
    session: AsyncSession,
    *,
    contact_id: UUID,
    name: str,
    record_number: str | None = None,
    id_last4: str | None = None,
    id_number: str | None = None,
    relation: Relation = Relation.SELF,
    label: str | None = None,
    now: datetime,
) -> Started | TooMany:
    """Open a challenge. Give `record_number`, `id_number` or `id_last4`; earlier challenges of the contact end."""
    if not (record_number or id_last4 or id_number):
        raise ValueError("binding needs the record number or the identity number, whole or its last four")
    if (later := await _too_many(session, contact_id, now)) is not None:
        return later
    patient = await _match(session, name, record_number, id_last4, id_number, now)
    return await _open(session, patient, contact_id, relation, label, now)


async def start_for(
    session: AsyncSession, patient: Patient, *, contact_id: UUID, relation: Relation, now: datetime
) -> Started | TooMany:
    """As `start`, for a patient staff have named already (by a QR code): only the code is left to prove."""
    if (later := await _too_many(session, contact_id, now)) is not None:
        return later
    reachable = patient.phone_hash is not None and await _codes_left(session, patient, now)
    return await _open(session, patient if reachable else None, contact_id, relation, None, now)


async def _too_many(session: AsyncSession, contact_id: UUID, now: datetime) -> TooMany | None:
    recent = (
        await session.execute(
            select(func.count(), func.min(BindingAttempt.created_at)).where(
                BindingAttempt.contact_id == contact_id, BindingAttempt.created_at > now - WINDOW
            )
        )
    ).one()
    if recent[0] >= MAX_STARTS_PER_CONTACT:
        return TooMany(recent[1] + WINDOW)
    return None


async def _open(
    session: AsyncSession,
    patient: Patient | None,
    contact_id: UUID,
    relation: Relation,
    label: str | None,
    now: datetime,
) -> Started:
    await session.execute(
        update(BindingAttempt)
        .where(BindingAttempt.contact_id == contact_id, BindingAttempt.status == "pending")
        .values(status="replaced")
    )
    attempt = BindingAttempt(
        contact_id=contact_id,
        patient_id=patient.id if patient else None,
        relation=relation,
        label=label,
        created_at=now,
        expires_at=now + CODE_LIFE,
    )
    code = f"{secrets.randbelow(10**6):06d}"
    attempt.code_hash = _code_hash(attempt.id, code)
    session.add(attempt)
    await session.flush()
    outgoing = OutgoingCode(patient.phone, code) if patient else None
    return Started(attempt.id, attempt.expires_at, outgoing)


async def _match(
    session: AsyncSession,
    name: str,
    record_number: str | None,
    id_last4: str | None,
    id_number: str | None,
    now: datetime,
) -> Patient | None:
    """The one patient meant who can be sent a code now.

    None for no match, several, no phone, or too many codes.
    """
    query = select(Patient).where(
        Patient.name_hash == identity.name_hash(name),
        Patient.status.not_in((PatientStatus.DIED, PatientStatus.MERGED)),
        Patient.phone_hash.is_not(None),
    )
    if record_number:
        query = query.where(patients.numbered(record_number))
    if id_number:
        query = query.where(Patient.id_number_hash == identity.id_hash(id_number))
    if id_last4:
        query = query.where(Patient.id_last4_hash == identity.id_last4_hash(id_last4))
    found = (await session.scalars(query.limit(2))).all()
    if len(found) != 1:
        return None
    return found[0] if await _codes_left(session, found[0], now) else None


async def _codes_left(session: AsyncSession, patient: Patient, now: datetime) -> bool:
    sent = await session.scalar(
        select(func.count()).where(
            BindingAttempt.patient_id == patient.id, BindingAttempt.created_at > now - WINDOW
        )
    )
    return (sent or 0) < MAX_CODES_PER_PATIENT


async def confirm(
    session: AsyncSession, challenge_id: UUID, code: str, *, contact_id: UUID, now: datetime
) -> Bound | Wrong | Expired | Locked:
    """Try a code. The try is counted before it is compared, so that parallel guesses count too."""
    counted = await session.execute(
        update(BindingAttempt)
        .where(
            BindingAttempt.id == challenge_id,
            BindingAttempt.contact_id == contact_id,
            BindingAttempt.status == "pending",
            BindingAttempt.expires_at > now,
            BindingAttempt.tries < MAX_TRIES,
        )
        .values(tries=BindingAttempt.tries + 1)
        .returning(BindingAttempt.id)
        .execution_options(synchronize_session=False)
    )
    if counted.first() is None:
        locked = select(BindingAttempt.id).where(
            BindingAttempt.id == challenge_id,
            BindingAttempt.contact_id == contact_id,
            BindingAttempt.status == "locked",
        )
        return Locked() if (await session.scalar(locked)) is not None else Expired()
    attempt = await session.get_one(BindingAttempt, challenge_id, populate_existing=True)
    given = _code_hash(challenge_id, identity.fold_number(code))
    matches = hmac.compare_digest(attempt.code_hash, given)
    if not matches or attempt.patient_id is None:
        if attempt.tries >= MAX_TRIES:
            attempt.status = "locked"
            return Locked()
        return Wrong(MAX_TRIES - attempt.tries)
    attempt.status = "bound"
    relation = Relation(attempt.relation)
    new = await patients.link_contact(
        session, attempt.patient_id, contact_id, relation, at=now, label=attempt.label
    )
    subject = audit.subject_of("patient", attempt.patient_id)
    audit.record(session, actor=f"contact:{contact_id}", action="bind", subject=subject, at=now)
    return Bound(attempt.patient_id, relation, new)


async def forget(session: AsyncSession, contact_id: UUID, now: datetime) -> None:
    """The contact is gone: its open challenges and scanned QR codes end, and what it called the patient with them.

    The rows stay, without the code: they count against how often somebody may try."""
    quiet = {"synchronize_session": False}
    await session.execute(
        update(BindingAttempt)
        .where(BindingAttempt.contact_id == contact_id)
        .values(
            status=case((BindingAttempt.status == "pending", "replaced"), else_=BindingAttempt.status),
            label_sealed=None,
            code_hash="",
        )
        .execution_options(**quiet)
    )
    await session.execute(
        update(BindingQr)
        .where(BindingQr.contact_id == contact_id, BindingQr.state == "scanned")
        .values(
            url_sealed=None, expires_at=case((BindingQr.expires_at < now, BindingQr.expires_at), else_=now)
        )
        .execution_options(**quiet)
    )


async def unbind(
    session: AsyncSession, *, contact_id: UUID, patient_id: UUID, actor: str, now: datetime
) -> bool:
    """End the link. False when there was none."""
    gone = await patients.unlink_contact(session, patient_id, contact_id, at=now)
    if gone:
        subject = audit.subject_of("patient", patient_id)
        audit.record(session, actor=actor, action="unbind", subject=subject, at=now)
    return gone
