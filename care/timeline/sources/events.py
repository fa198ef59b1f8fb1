"""Visits, appointments, operations, diagnoses, and what else the patient's events say that no other source tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Condition
from care.records.models import Procedure
from care.timeline.ports import Entry, Who
from care.timeline.words import words
from store.clock import Clock
from store.events import PatientEvent


@dataclass(frozen=True, slots=True)
class Events:
    """Implements `TimelineSource` for the events named in the words file under `visits` or `records`."""

    clock: Clock
    kind: str

    @property
    def name(self) -> str:
        return self.kind

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(PatientEvent.at, PatientEvent.id).where(
            PatientEvent.patient_id == who.patient_id, PatientEvent.kind.in_(words.known(self._words))
        )

    @property
    def _words(self) -> str:
        return f"{self.kind}s"

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[int]) -> Mapping[int, Entry]:
        rows = (await session.scalars(select(PatientEvent).where(PatientEvent.id.in_(keys)))).all()
        names = await _names(session, who, rows)
        return {one.id: self._entry(one, names) for one in rows}

    def _entry(self, row: PatientEvent, names: Mapping[str, str]) -> Entry:
        data = row.data
        known = [
            names.get(str(data.get(key)), "") for key in ("department_id", "department", "practitioner_id")
        ]
        known.append(names.get(f"code:{data.get('code')}", ""))
        if start := data.get("start"):
            known.append(f"{self.clock.local(datetime.fromisoformat(start)):%Y-%m-%d %H:%M}")
        if self.kind == "record" and "relation" in data:
            known.append(words("relations", data["relation"]))
        return Entry(at=row.at, title=words(self._words, row.kind), text=" ".join(filter(None, known)))


async def _names(session: AsyncSession, who: Who, rows: Iterable[PatientEvent]) -> dict[str, str]:
    """What ids and codes in the events are called."""
    ids, codes, diagnoses = set[UUID](), set[str](), set[str]()
    for row in rows:
        ids |= {UUID(row.data[key]) for key in ("department_id", "practitioner_id") if row.data.get(key)}
        codes |= {row.data["department"]} if row.data.get("department") else set()
        diagnoses |= {row.data["code"]} if row.data.get("code") else set()
    departments = await session.execute(
        select(HealthcareService.id, HealthcareService.code, HealthcareService.name).where(
            HealthcareService.id.in_(ids) | HealthcareService.code.in_(codes)
        )
    )
    names: dict[str, str] = {}
    for one, code, name in departments:
        names[str(one)] = names[code] = name
    doctors = await session.execute(
        select(Practitioner.id, Practitioner.name).where(Practitioner.id.in_(ids))
    )
    names.update({str(one): name for one, name in doctors})
    for table in (Condition, Procedure):
        coded = await session.execute(
            select(table.code, table.display).where(
                table.patient_id == who.patient_id, table.code.in_(diagnoses)
            )
        )
        names.update({f"code:{code}": display for code, display in coded})
    return names
