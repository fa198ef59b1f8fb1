"""Patients as a record system tells of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient
from care.patients.service import PatientData
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import Outcome, PatientFact, Taken, Unusable
from care.systems.taking.models import TakenFact

NAMED = ("record_number", "name", "sex", "birth_date", "phone", "id_number", "residence_code")


async def take_patient(session: AsyncSession, system: str, fact: PatientFact, now: datetime) -> Taken:
    """Make the patient with this record number, or bring them up to date. Nobody is guessed: only the number says who it is.

    Emits `patient.died`, `patient.moved`, `patient.active`. Raises `Unusable`.
    """
    source = Source(system, "patient", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    by_number, row = await _row(session, fact, before)
    if by_number is not None and by_number.record_number_hash != identity.record_hash(fact.record_number):
        # Said under the number of a merged record: who it is, the standing record's own messages say.
        claims.keep(session, before, source, patient_id=by_number.id, row_id=by_number.id)
        return Taken(Outcome.SAME, by_number.id, by_number.id, ("merged",))
    data, remarks = _data(fact, row)
    if row is None:
        row = await patients.create(session, data, now)
        outcome = Outcome.NEW
    else:
        was = _shown(row)
        await patients.update(session, row, data)
        for name in fact.cleared & patients.CLEARABLE.keys():
            for column in patients.CLEARABLE[name]:
                setattr(row, column, None)
        outcome = Outcome.SAME if _shown(row) == was else Outcome.CHANGED
    claims.keep(session, before, source, patient_id=row.id, row_id=row.id, made=outcome == Outcome.NEW)
    if fact.status is not None and await patients.set_status(
        session, row, fact.status, at=fact.status_at or fact.as_of, actor=source.actor
    ):
        outcome = Outcome.CHANGED if outcome == Outcome.SAME else outcome
    if outcome != Outcome.SAME:
        claims.told(session, source, row.id, row.id, outcome)
    return Taken(outcome, row.id, row.id, remarks)


async def _row(
    session: AsyncSession, fact: PatientFact, before: TakenFact | None
) -> tuple[Patient | None, Patient | None]:
    """Who has the number, and who is meant."""
    if not fact.record_number.strip():
        raise Unusable("no_record_number")
    by_number = await patients.get_by_record_number(session, fact.record_number)
    if before is None or before.patient_id is None:
        return by_number, by_number
    row = await session.get_one(Patient, await patients.standing_id(session, before.patient_id))
    if by_number is not None and by_number.id != row.id:
        raise Unusable("two_patients")  # a merge: somebody must say which of them stays
    return by_number, row


def _data(fact: PatientFact, row: Patient | None) -> tuple[PatientData, tuple[str, ...]]:
    """What may be written, and what of it was left out. A new patient needs a name, a known one keeps theirs where none is said; an
    invalid phone is no reason to lose the rest."""
    name, sex = fact.name, fact.sex
    if row is not None:
        name = name if identity.fold_name(name) else row.name
        sex = row.sex if sex == "unknown" else sex
    if not identity.fold_name(name):
        raise Unusable("no_name")
    phone, remarks = fact.phone, list(fact.left_out)
    if phone is not None and identity.parse_phone(phone) is None:
        phone = None
        remarks.append("phone")
    data = PatientData(
        record_number=fact.record_number,
        name=name,
        sex=sex,
        birth_date=fact.birth_date,
        phone=phone,
        id_number=fact.id_number,
        residence_code=fact.residence_code,
    )
    return data, tuple(remarks)


def _shown(row: Patient) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in NAMED)
