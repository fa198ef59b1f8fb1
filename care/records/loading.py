"""`./banyi load conditions|encounters|procedures|pregnancies`: the record system's facts from files, all or nothing.

A row that is there already (same patient, code or kind, day) is brought up to date. New rows are told on the timeline, at the
days they happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.files import Fields, LoadError, LoadReport, Row, RowError, as_rows, day_of, refuse_repeats, word
from care.hospital.gazetteer import fold
from care.hospital.models import HealthcareService
from care.hospital.service import departments
from care.patients import identity
from care.patients.models import Condition, Patient
from care.records.models import Encounter, EncounterKind, Pregnancy, Procedure
from care.records.service import events_of
from care.rows import chunks

A_DAY = "a date such as 2026-03-12"


@dataclass(frozen=True, slots=True)
class Ground:
    """What rows refer to: patients by the hash of their record number, departments by any of their names."""

    patients: Mapping[str, UUID]
    departments: Mapping[str, HealthcareService]
    today: date


@dataclass(frozen=True, slots=True)
class Fact:
    """A row's values. `key`: the columns that say whether it is there already; `department`: its code, for the timeline."""

    table: type[Any]
    key: Sequence[str]
    values: dict[str, Any] = field(default_factory=dict)
    department: str = ""

    @property
    def identity(self) -> tuple[Any, ...]:
        return tuple(self.values[name] for name in self.key)


Reader: TypeAlias = Callable[[Fields, Ground], Fact]


async def load_records(
    session: AsyncSession, what: str, rows: Iterable[Row | Mapping[str, Any]], today: date
) -> LoadReport:
    """Load a file of `what` (`conditions`, `encounters`, `procedures`, `pregnancies`). Raises `LoadError` before writing anything."""
    given = as_rows(rows)
    ground = await _ground(session, given, today)
    errors: list[RowError] = []
    facts = [_fact(row, READERS[what], ground, errors) for row in given]
    known = [(row, one) for row, one in zip(given, facts, strict=True) if one is not None]
    refuse_repeats([(row, one.identity) for row, one in known], "record_number", errors)
    if errors:
        raise LoadError(errors)
    return await _store(session, [one for _, one in known])


async def _ground(session: AsyncSession, rows: Sequence[Row], today: date) -> Ground:
    hashes = {
        identity.record_hash(one.values["record_number"]) for one in rows if "record_number" in one.values
    }
    patients: dict[str, UUID] = {}
    for part in chunks(sorted(hashes)):
        wanted = select(Patient.record_number_hash, Patient.id).where(Patient.record_number_hash.in_(part))
        patients.update({row.record_number_hash: row.id for row in await session.execute(wanted)})
    named = {
        fold(name): one
        for one in reversed(await departments(session))
        for name in (one.standard, *one.aliases, one.name, one.code)
    }
    return Ground(patients, named, today)


def _fact(row: Row, reader: Reader, ground: Ground, errors: list[RowError]) -> Fact | None:
    before, fields = len(errors), Fields(row, errors)
    record = fields.text("record_number", longest=60)
    patient_id = ground.patients.get(identity.record_hash(record)) if record else None
    if record and patient_id is None:
        fields.wrong("record_number", "no patient has this number; load patients first")
    fact = reader(fields, ground)
    if len(errors) > before:
        return None
    fact.values["patient_id"] = patient_id
    return fact


async def _store(session: AsyncSession, facts: Sequence[Fact]) -> LoadReport:
    created = 0
    for part in chunks(facts):
        table, key = part[0].table, part[0].key
        ids = {one.values["patient_id"] for one in part}
        there = await session.scalars(select(table).where(table.patient_id.in_(ids)))
        known = {tuple(getattr(row, name) for name in key): row for row in there}
        for one in part:
            row = known.get(one.identity)
            if row is None:
                created += 1
                row = table(**one.values)
                session.add(row)
                session.add_all(events_of(row, one.department))
                continue
            for name, value in one.values.items():
                setattr(row, name, value)
        await session.flush()
    return LoadReport(created, len(facts) - created)


# --- the files ---


def _past(fields: Fields, ground: Ground, name: str, *, needed: bool = True) -> Any:
    day = fields.parsed(name, day_of, A_DAY, needed=needed)
    if day is not None and day > ground.today:
        fields.wrong(name, "lies in the future")
    return day


def _order(fields: Fields, first: Any, last: Any, name: str) -> None:
    if first is not None and last is not None and last < first:
        fields.wrong(name, "before the beginning")


def _department(fields: Fields, ground: Ground, *, needed: bool) -> HealthcareService | None:
    found: HealthcareService | None = fields.parsed(
        "department",
        lambda name: ground.departments[fold(name)],
        "a department of this hospital",
        needed=needed,
    )
    return found


def _condition(fields: Fields, ground: Ground) -> Fact:
    recorded = _past(fields, ground, "recorded_date")
    ended = fields.parsed("ended_date", day_of, A_DAY, needed=False)
    _order(fields, recorded, ended, "ended_date")
    values = {
        "code": fields.text("code", longest=20),
        "display": fields.text("display", longest=120),
        "recorded_date": recorded,
        "onset_date": _past(fields, ground, "onset_date", needed=False),
        "ended_date": ended,
    }
    return Fact(Condition, ("patient_id", "code"), values)


def _encounter(fields: Fields, ground: Ground) -> Fact:
    kind = fields.parsed("kind", word("encounter"), "门诊, 住院 or 急诊")
    department = _department(fields, ground, needed=True)
    start = _past(fields, ground, "start_date")
    end = _past(fields, ground, "end_date", needed=False)
    _order(fields, start, end, "end_date")
    values = {
        "kind": kind,
        "department_id": department.id if department is not None else None,
        "start_date": start,
        "end_date": end if kind == EncounterKind.INPATIENT else start,
    }
    key = ("patient_id", "kind", "start_date", "department_id")
    return Fact(Encounter, key, values, department.code if department is not None else "")


def _procedure(fields: Fields, ground: Ground) -> Fact:
    status = fields.parsed("status", word("procedure"), "计划, 完成 or 取消")
    department = _department(fields, ground, needed=False)
    day = fields.parsed("performed_date", day_of, A_DAY)
    if status == "completed" and day is not None and day > ground.today:
        fields.wrong("performed_date", "lies in the future; a planned one is 计划")
    values = {
        "code": fields.text("code", longest=20),
        "display": fields.text("display", longest=120),
        "status": status,
        "performed_date": day,
        "department_id": department.id if department is not None else None,
    }
    key = ("patient_id", "code", "performed_date")
    return Fact(Procedure, key, values, department.code if department is not None else "")


def _pregnancy(fields: Fields, ground: Ground) -> Fact:
    lmp = _past(fields, ground, "lmp_date")
    ended = _past(fields, ground, "ended_date", needed=False)
    outcome = fields.parsed("outcome", word("outcome"), "分娩 or 流产", needed=False)
    _order(fields, lmp, ended, "ended_date")
    if (ended is None) != (outcome is None):
        fields.wrong("outcome", "give the day it ended and how, or neither")
    return Fact(
        Pregnancy, ("patient_id", "lmp_date"), {"lmp_date": lmp, "ended_date": ended, "outcome": outcome}
    )


READERS: dict[str, Reader] = {
    "conditions": _condition,
    "encounters": _encounter,
    "procedures": _procedure,
    "pregnancies": _pregnancy,
}
