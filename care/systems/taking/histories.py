"""Diagnoses and operations as a record system tells of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Condition
from care.records.models import Procedure, ProcedureStatus
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import ConditionFact, Outcome, ProcedureFact, Taken, Unusable
from care.systems.taking.models import TakenFact
from channels.chinatime import CHINA
from store import events

ICD10 = re.compile(r"[A-Z]\d{2}(\.[0-9A-Za-z]{1,4}(x[0-9]{1,3})?)?(x[0-9]{1,3})?[+*]?")
"""ICD-10 as the national versions write it (GB/T 14396, 国家临床版 2.0: `I10.x00`, `H25.900x001`)."""
ICD9 = re.compile(r"\d{2}(\.[0-9A-Za-z]{1,4}(x[0-9]{1,3})?)?")
"""ICD-9-CM-3 of the national clinical version (`13.4100`, `80.6x00`, `36.0601x001`)."""


async def take_condition(session: AsyncSession, system: str, fact: ConditionFact, now: datetime) -> Taken:
    """A diagnosis: once a patient and code, since when it was first recorded. Emits `condition.diagnosed`, `condition.removed`.

    Raises `Unusable`.
    """
    source = Source(system, "condition", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    if ICD10.fullmatch(fact.code) is None:
        raise Unusable("icd10", fact.code)
    day = fact.recorded_at.astimezone(CHINA).date()
    if day > now.astimezone(CHINA).date():
        raise Unusable("future", fact.code, later=True)
    mine = await _mine(session, Condition, before, source, fact)
    row = mine or await session.scalar(
        select(Condition).where(Condition.patient_id == fact.patient_id, Condition.code == fact.code)
    )
    values: dict[str, Any] = {"display": fact.display[:120], "ended_date": fact.ended}
    if row is None or (mine is not None and before is not None and before.made) or day < row.recorded_date:
        values["recorded_date"] = day
    if fact.onset is not None:
        values["onset_date"] = fact.onset
    if row is not None and mine is None and row.ended_date is not None and row.ended_date > day:
        values.pop("ended_date")  # an old diagnosis told late does not bring an ended one back
    made, changed = row is None, False
    if row is None:
        row = Condition(patient_id=fact.patient_id, code=fact.code, **values)
        session.add(row)
    else:
        changed = _set(row, values)
    await _kept(session, before, source, row.patient_id, row.id, made, fact.encounter)
    if made:
        at = claims.moment(row.recorded_date, fact.recorded_at)
        codes = {"code": row.code, "condition_id": str(row.id)}
        events.emit(session, row.patient_id, "condition.diagnosed", at, **codes)
    return _done(session, source, row.patient_id, row.id, made=made, changed=changed)


async def take_procedure(session: AsyncSession, system: str, fact: ProcedureFact, now: datetime) -> Taken:
    """An operation, by patient, code and day. Emits `procedure.performed` (at its own time), `procedure.corrected` and
    `procedure.removed`. Raises `Unusable`."""
    source = Source(system, "procedure", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    if ICD9.fullmatch(fact.code) is None:
        raise Unusable("icd9", fact.code)
    day = fact.performed_at.astimezone(CHINA).date()
    done = day <= now.astimezone(CHINA).date()
    department = await claims.department_named(session, fact.department) if fact.department else None
    mine = await _mine(session, Procedure, before, source, fact)
    twin: Procedure | None = await session.scalar(
        select(Procedure).where(
            Procedure.patient_id == fact.patient_id,
            Procedure.code == fact.code,
            Procedure.performed_date == day,
        )
    )
    if mine is not None and twin is not None and mine.id != twin.id:
        raise Unusable("two_operations", fact.external_id)
    row = mine or twin
    values: dict[str, Any] = {
        "display": fact.display[:120],
        "performed_date": day,
        "status": ProcedureStatus.COMPLETED if done else ProcedureStatus.PLANNED,
    }
    if department is not None:
        values["department_id"] = department.id
    was_done = row is not None and row.status == ProcedureStatus.COMPLETED
    was_day = None if row is None else row.performed_date
    made, changed = row is None, False
    if row is None:
        row = Procedure(patient_id=fact.patient_id, code=fact.code, **values)
        session.add(row)
    else:
        changed = _set(row, values)
    await _kept(session, before, source, row.patient_id, row.id, made, fact.encounter)
    codes = {"code": row.code, "procedure_id": str(row.id)}
    if department is not None:
        codes["department"] = department.code
    if done and not was_done:
        at = claims.moment(day, fact.performed_at)
        events.emit(session, row.patient_id, "procedure.performed", at, **codes)
    elif was_done and was_day != day:
        events.emit(
            session, row.patient_id, "procedure.corrected", source.as_of, day=day.isoformat(), **codes
        )
    return _done(session, source, row.patient_id, row.id, made=made, changed=changed)


async def _mine(
    session: AsyncSession, table: Any, before: TakenFact | None, source: Source, fact: Any
) -> Any | None:
    """The row this fact stands behind. Under another code or of another patient it is not that any more: it is withdrawn."""
    if before is None or before.row_id is None or before.withdrawn_at is not None:
        return None
    row = await session.get(table, before.row_id, populate_existing=True)
    if row is not None and (row.code != fact.code or row.patient_id != fact.patient_id):
        await withdraw(session, before, source)
        before.row_id = None
        return None
    return row


def _set(row: Any, values: dict[str, Any]) -> bool:
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


async def _kept(
    session: AsyncSession,
    before: TakenFact | None,
    source: Source,
    patient_id: UUID,
    row_id: UUID,
    made: bool,
    encounter: str | None,
) -> None:
    await session.flush()
    visit = await claims.visit(session, source, encounter)
    claims.keep(
        session,
        before,
        source,
        patient_id=patient_id,
        row_id=row_id,
        made=made,
        part_of=visit.id if visit is not None else None,
    )


def _done(
    session: AsyncSession, source: Source, patient_id: UUID, row_id: UUID, *, made: bool, changed: bool
) -> Taken:
    outcome = Outcome.NEW if made else Outcome.CHANGED if changed else Outcome.SAME
    if outcome != Outcome.SAME:
        claims.told(session, source, patient_id, row_id, outcome)
    return Taken(outcome, patient_id, row_id)


async def withdraw(session: AsyncSession, fact: TakenFact, source: Source) -> None:
    """The diagnosis or operation does not hold. Emits `condition.removed` or `procedure.removed` once nothing else says it."""
    kind = "condition" if fact.kind == "condition" else "procedure"
    row: Any = await session.get(Condition if kind == "condition" else Procedure, fact.row_id)
    if row is None or not await claims.may_delete(session, fact):
        return
    codes = {"code": row.code, f"{kind}_id": str(row.id)}
    events.emit(session, row.patient_id, f"{kind}.removed", source.as_of, **codes)
    await session.delete(row)
    await session.flush()
