"""Two records of one patient, as a record system tells of them (HL7 ADT^A40; FHIR Patient.link `replaced-by`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from care.merging.service import NotMerged, merge
from care.patients import service as patients
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import MergeFact, Outcome, Taken, Unusable
from store import audit


async def take_merge(session: AsyncSession, system: str, fact: MergeFact, now: datetime) -> Taken:
    """The record `fact.external_id` is closed, all it has is `fact.kept`'s. One we never knew is remembered, so that what was said of
    it before makes nobody anew.

    Emits `patient.merged`, `patient.merged_in`. Raises `Unusable`: the two are not clearly one person, or have appointments that
    exclude each other.
    """
    source = Source(system, "patient", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    gone = await patients.get_by_record_number(session, fact.record_number)
    if gone is None and before is not None and before.patient_id is not None:
        gone = await patients.get(session, await patients.standing_id(session, before.patient_id))
    if gone is None:
        if not claims.is_stale(before, source):
            claims.keep(session, before, source, patient_id=None, row_id=None)
        return Taken(Outcome.SAME, fact.kept, fact.kept)
    actor = source.actor if fact.confirmed_by is None else audit.subject_of("staff", fact.confirmed_by)
    try:
        done = await merge(
            session,
            gone.id,
            fact.kept,
            at=now,
            actor=actor,
            confirmed=fact.confirmed_by is not None,
        )
    except NotMerged as error:
        raise Unusable(error.code, error.detail) from error
    if before is not None:
        await session.refresh(before)
    if not claims.is_stale(before, source):
        claims.keep(session, before, source, patient_id=fact.kept, row_id=fact.kept)
    return Taken(Outcome.CHANGED if done else Outcome.SAME, fact.kept, fact.kept)
