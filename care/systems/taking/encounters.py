"""Visits and stays as a record system tells of them: admitted, discharged, discharged after all not, cancelled."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.records.models import Encounter, EncounterKind
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import EncounterFact, Outcome, Taken, Unusable
from care.systems.taking.models import TakenFact
from channels.chinatime import CHINA
from store import events


async def take_encounter(session: AsyncSession, system: str, fact: EncounterFact, now: datetime) -> Taken:
    """A visit or stay, by the system's number of it.

    Emits `encounter.admitted`, `encounter.transferred` (to another department), `encounter.discharged`, `encounter.finished` (a visit),
    at their own times; when they are corrected, `encounter.corrected` or `encounter.discharge_cancelled`. Raises `Unusable`.
    """
    source = Source(system, "encounter", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    department = await claims.department_named(session, fact.department)
    row = await _row(session, fact, before)
    values = _values(fact, row, now) | {"department_id": department.id}
    was = None if row is None else {name: getattr(row, name) for name in values}
    made = False
    if row is None:
        row = await _twin(session, values)
        made = row is None
        was = None if row is None else {name: getattr(row, name) for name in values}
        if row is None:
            row = Encounter(**values)
            session.add(row)
    elif was != values:
        twin = await _twin(session, values)
        if twin is not None and twin.id != row.id:
            raise Unusable("two_visits", fact.external_id)
    for name, value in values.items():
        setattr(row, name, value)
    await session.flush()
    claims.keep(session, before, source, patient_id=row.patient_id, row_id=row.id, made=made)
    outcome = Outcome.NEW if was is None else Outcome.SAME if was == values else Outcome.CHANGED
    if outcome != Outcome.SAME:
        _emit(session, row, was, fact, department.code)
        claims.told(session, source, row.patient_id, row.id, outcome)
    return Taken(outcome, row.patient_id, row.id)


async def _row(session: AsyncSession, fact: EncounterFact, before: TakenFact | None) -> Encounter | None:
    if before is None or before.withdrawn_at is not None or before.row_id is None:
        return None
    row = await session.get(Encounter, before.row_id, populate_existing=True)
    if row is not None and row.patient_id != fact.patient_id:
        raise Unusable("other_patient", fact.external_id)
    return row


def _values(fact: EncounterFact, row: Encounter | None, now: datetime) -> dict[str, Any]:
    """What the row says afterwards: what the fact leaves open stays as it was."""
    start = _day(fact.started_at) or (row.start_date if row is not None else None)
    if start is None:
        if fact.kind == EncounterKind.INPATIENT:
            raise Unusable("no_admission", fact.external_id, later=True)
        start = _day(fact.ended_at) or fact.as_of.astimezone(CHINA).date()
    end = _day(fact.ended_at) or (row.end_date if row is not None and not fact.still_here else None)
    if fact.kind != EncounterKind.INPATIENT:
        end = start
    today = now.astimezone(CHINA).date()
    if start > today or (end is not None and end > today):
        raise Unusable("future", fact.external_id, later=True)
    if end is not None and end < start:
        raise Unusable("end_before_start", fact.external_id)
    return {"patient_id": fact.patient_id, "kind": fact.kind, "start_date": start, "end_date": end}


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(CHINA).date()


async def _twin(session: AsyncSession, values: dict[str, Any]) -> Encounter | None:
    """The same visit, told by a file or another system."""
    key = ("patient_id", "kind", "start_date", "department_id")
    found: Encounter | None = await session.scalar(
        select(Encounter).where(*(getattr(Encounter, name) == values[name] for name in key))
    )
    return found


def _emit(
    session: AsyncSession, row: Encounter, was: dict[str, Any] | None, fact: EncounterFact, department: str
) -> None:
    """What is new is told at its own time; what was told before and was wrong is told as a correction."""
    codes = {"encounter_id": str(row.id), "department": department}

    def tell(kind: str, day: date | None, at: datetime | None) -> None:
        events.emit(session, row.patient_id, kind, claims.moment(day, at), **codes)

    if row.kind != EncounterKind.INPATIENT:
        tell("encounter.finished" if was is None else "encounter.corrected", row.start_date, fact.started_at)
        return
    if was is None:
        tell("encounter.admitted", row.start_date, fact.started_at)
    ended_before = None if was is None else was["end_date"]
    if row.end_date is not None and ended_before is None:
        tell("encounter.discharged", row.end_date, fact.ended_at)
    elif row.end_date is None and ended_before is not None:
        tell("encounter.discharge_cancelled", None, fact.as_of)
    elif was is not None and fact.transferred_at is not None and was["department_id"] != row.department_id:
        codes["from_id"] = str(was["department_id"])
        tell("encounter.transferred", None, fact.transferred_at)
    elif was is not None:
        codes |= {
            "first": row.start_date.isoformat(),
            "last": row.end_date.isoformat() if row.end_date else "",
        }
        tell("encounter.corrected", None, fact.as_of)


async def withdraw(session: AsyncSession, fact: TakenFact, source: Source) -> None:
    """The visit never was. Emits `encounter.cancelled`."""
    row = await session.get(Encounter, fact.row_id)
    if row is None:
        return
    events.emit(session, row.patient_id, "encounter.cancelled", source.as_of, encounter_id=str(row.id))
    if await claims.may_delete(session, fact):
        await session.delete(row)
