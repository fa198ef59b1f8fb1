"""Appointments made at the system's own counter: ours too, once we know whose they are and when; until then they wait, then people look."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments.models import Slot, Status
from care.patients import service as patients
from care.systems import conflicts, messages, refs, taking
from care.systems.found import doctor_of
from care.systems.models import Direction, RefKind, Said, SystemMessage
from care.systems.port import Found, Person
from care.systems.taking import PatientFact, Unusable
from store import audit

KIND = "counter"
AGAIN = tuple(timedelta(minutes=one) for one in (1, 5, 15, 60, 360))
"""How long one that does not fit yet waits before it is tried again; after the last people are asked. Ours."""


async def heard(session: AsyncSession, system: str, found: Found, now: datetime, days: int) -> bool:
    """The system tells of an appointment that is none of ours. Whether it is now. `days`: so far ahead its times are read; one beyond
    waits until they are. Emits `appointment.booked`."""
    key = f"{KIND}:{refs.hash_of(found.external_id)[:40]}"
    waiting = await messages.by_key(session, system, Direction.IN, key)
    if found.status != Status.BOOKED or found.start is None or found.start <= now:
        if waiting is not None and waiting.status in (Said.QUEUED, Said.DEAD):
            _settle(waiting, Said.SETTLED, "over", now)
        return False
    why = await _take(session, system, found, now)
    if why is None:
        if waiting is not None:
            _settle(waiting, Said.ACCEPTED, None, now)
        return True
    if waiting is None:
        waiting = await messages.put(
            session,
            system=system,
            direction=Direction.IN,
            kind=KIND,
            key=key,
            body=_as_body(found),
            now=now,
            due_at=_due(found, why, 0, now, days),
        )
        assert waiting is not None
    waiting.body = _as_body(found)
    waiting.reason = why
    return False


async def again(session: AsyncSession, system: str, now: datetime, days: int) -> int:
    """Try those that wait; how many are ours now."""
    taken = 0
    for row in await messages.waiting_in(session, system, KIND, now):
        found = _from_body(row.body)
        if found.start is None or found.start <= now:
            _settle(row, Said.SETTLED, "over", now)
            continue
        why = await _take(session, system, found, now)
        if why is None:
            _settle(row, Said.ACCEPTED, None, now)
            taken += 1
            continue
        row.attempts += 1
        row.reason, row.due_at = why, _due(found, why, row.attempts, now, days)
        if row.attempts >= len(AGAIN):
            row.status, row.dead_reason, row.due_at = Said.DEAD, why, None
    return taken


def _due(found: Found, why: str, attempts: int, now: datetime, days: int) -> datetime:
    ahead = found.start - timedelta(days=days) if found.start is not None and why == "no_slot" else now
    return max(now + AGAIN[min(attempts, len(AGAIN) - 1)], ahead)


async def _take(session: AsyncSession, system: str, found: Found, now: datetime) -> str | None:
    """None: done; else why not yet, a code of `data/seed/system_words.yml`."""
    try:
        patient_id = await _patient(session, system, found, now)
    except Unusable as error:
        return error.code
    if patient_id is None:
        return "no_patient"
    slot = await _slot(session, system, found)
    if isinstance(slot, str):
        return slot
    mine = await decided.same_half_day(session, patient_id, slot)
    if mine is not None and mine.status == Status.PENDING:
        return "underway"
    known = None if mine is None else await refs.theirs(session, system, RefKind.APPOINTMENT, mine.id)
    if mine is not None and known is not None and known.external_id != found.external_id:
        await conflicts.doubled(session, system, found.external_id, mine, slot.start, found.said, now)
        return None
    row = await decided.taken_on(session, patient_id, slot, now)
    await refs.remember(
        session, system, RefKind.APPOINTMENT, found.external_id, row.id, now=now, etag=found.etag
    )
    audit.record(
        session,
        actor=audit.subject_of("system", system),
        action="appointment.new",
        subject=audit.subject_of("patient", patient_id),
        at=now,
        detail={"row": str(row.id)},
    )
    return None


async def _patient(session: AsyncSession, system: str, found: Found, now: datetime) -> UUID | None:
    """Whose it is: by the system's id, else by the record number; who has a name there and is new to us is made."""
    if found.patient_id and (known := await refs.ours(session, system, RefKind.PATIENT, found.patient_id)):
        return await patients.standing_id(session, known)
    person = found.person
    number = person.record_number if person is not None else found.record_number
    if not number:
        return None
    row = await patients.get_by_record_number(session, number)
    patient_id = None if row is None else row.id
    if row is None and person is not None and person.name:
        patient_id = (await taking.take_patient(session, system, fact_of(person, now), now)).patient_id
    if patient_id is not None and found.patient_id:
        await refs.remember(session, system, RefKind.PATIENT, found.patient_id, patient_id, now=now)
    return patient_id


def fact_of(person: Person, as_of: datetime) -> PatientFact:
    return PatientFact(
        external_id=person.external_id or person.record_number,
        as_of=as_of,
        record_number=person.record_number,
        name=person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        phone=person.phone,
        id_number=person.id_number,
    )


async def _slot(session: AsyncSession, system: str, found: Found) -> Slot | str:
    """By the system's id where that is at this time, else the doctor's of this time; a word of why there is none."""
    if found.slot and (known := await refs.ours(session, system, RefKind.SLOT, found.slot)):
        named = await session.get(Slot, known, populate_existing=True)
        if named is not None and named.start == found.start:
            return named
    doctor = await doctor_of(session, system, found.practitioner)
    if doctor is None:
        return "no_slot" if found.slot else "practitioner"
    slot = await session.scalar(select(Slot).where(Slot.practitioner_id == doctor, Slot.start == found.start))
    return slot if slot is not None else "no_slot"


def _settle(row: SystemMessage, status: Said, reason: str | None, now: datetime) -> None:
    row.status, row.reason, row.due_at, row.dead_reason, row.settled_at = status, reason, None, None, now
    row.body = None  # it names a person, and nobody needs it any more


def _as_body(found: Found) -> dict[str, Any]:
    raw = asdict(found)
    raw["start"] = found.start.isoformat() if found.start is not None else None
    raw["person"] = None if found.person is None else plain(found.person)
    return raw


def _from_body(raw: dict[str, Any]) -> Found:
    found = Found(**{name: value for name, value in raw.items() if name not in ("start", "person")})
    person = None if raw["person"] is None else person_of(raw["person"])
    start = datetime.fromisoformat(raw["start"]) if raw["start"] else None
    return replace(found, start=start, person=person)


def plain(person: Person) -> dict[str, Any]:
    """As it is kept in a message's body."""
    return {**asdict(person), "birth_date": str(person.birth_date or "")}


def person_of(raw: dict[str, Any]) -> Person:
    born = date.fromisoformat(raw["birth_date"]) if raw["birth_date"] else None
    return Person(**{**raw, "birth_date": born})
