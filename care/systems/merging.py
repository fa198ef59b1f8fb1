"""Merges told by a system that is asked (FHIR), and those a machine would not do, done because somebody has looked at them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import service as patients
from care.systems import messages, refs, taking
from care.systems.counter import fact_of, person_of, plain
from care.systems.hl7.adt import SYSTEM as HL7
from care.systems.hl7.codes import Codes
from care.systems.hl7.merges import take_merges
from care.systems.hl7.message import parsed
from care.systems.models import Direction, RefKind, Said, SystemMessage
from care.systems.port import Merged
from care.systems.taking import MergeFact, Unusable
from store import audit

KIND = "merge"
ASKS = ("identities_differ", "two_people")
"""Reasons of a dead message that a person may overrule."""


async def hear(session: AsyncSession, system: str, told: Merged, now: datetime) -> None:
    """The system has closed one record for another. What may not be done by a machine waits among the messages, once."""
    gone = await patients.get_by_record_number(session, told.gone.record_number)
    if gone is None:
        return  # we never knew that record
    key = f"{KIND}:{refs.hash_of(f'{told.gone.external_id}|{told.kept.external_id}')[:40]}"
    if await messages.by_key(session, system, Direction.IN, key) is not None:
        return
    why = await _try(session, system, told, now)
    row = await messages.put(
        session,
        system=system,
        direction=Direction.IN,
        kind=KIND,
        key=key,
        body={"gone": plain(told.gone), "kept": plain(told.kept)},
        now=now,
        patient_id=await patients.standing_id(session, gone.id),
    )
    assert row is not None
    _note(row, why, now)


async def again(session: AsyncSession, system: str, now: datetime) -> int:
    """Merges that people had tried once more (HL7's own are taken by its worker); how many are done."""
    done = 0
    for row in await messages.waiting_in(session, system, KIND, now):
        why = await _try(session, system, _told(row), now)
        _note(row, why, now)
        done += why is None
    return done


async def _try(session: AsyncSession, system: str, told: Merged, now: datetime) -> Unusable | None:
    """None: done."""
    try:
        async with session.begin_nested():
            await _take(session, system, told, now)
    except Unusable as error:
        return error
    return None


def _note(row: SystemMessage, why: Unusable | None, now: datetime) -> None:
    row.due_at, row.status = None, Said.ACCEPTED if why is None else Said.DEAD
    if why is None:
        row.settled_at, row.reason = now, None
    else:
        row.reason, row.dead_reason, row.answer = why.code, why.code, why.detail


def _told(row: SystemMessage) -> Merged:
    return Merged(person_of(row.body["gone"]), person_of(row.body["kept"]))


async def confirm(
    session: AsyncSession, message_id: UUID, note: str, codes: Codes, *, staff_id: UUID, now: datetime
) -> bool:
    """The message's records are one person's after all. False: it waits for no such word. Raises `Unusable`: it cannot be all the same."""
    waits = (
        SystemMessage.direction == Direction.IN,
        SystemMessage.status == Said.DEAD,
        SystemMessage.reason.in_(ASKS),
    )
    row = await messages.by_hand(session, message_id, Said.ACCEPTED, *waits, staff_id=staff_id, now=now)
    if row is None:
        return False
    if row.system == HL7:
        message = parsed(row.body["text"])
        told = await take_merges(session, message, codes, row.created_at, confirmed_by=staff_id)
        patient_id = told.taken.patient_id
    else:
        patient_id = await _take(session, row.system, _told(row), now, staff_id)
    row = await session.get_one(SystemMessage, message_id, populate_existing=True)
    row.note, row.patient_id = note, patient_id
    subject = audit.subject_of("system_message", message_id)
    audit.record(session, actor=f"staff:{staff_id}", action="system.merge", subject=subject, at=now)
    return True


async def _take(
    session: AsyncSession, system: str, told: Merged, now: datetime, confirmed_by: UUID | None = None
) -> UUID:
    kept = (await taking.take_patient(session, system, fact_of(told.kept, now), now)).patient_id
    assert kept is not None
    gone = told.gone
    fact = MergeFact(gone.external_id or gone.record_number, now, gone.record_number, kept, confirmed_by)
    await taking.take_merge(session, system, fact, now)
    if told.kept.external_id:  # from now on the patient goes there by this id, not by the closed one's
        await refs.remember(session, system, RefKind.PATIENT, told.kept.external_id, kept, now=now)
    return kept
