"""The records behind the demo's patients: encounters, operations and pregnancies from their dated events, and more of them for
those whom the generator made."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from care.consents.models import Purpose
from care.hospital.seed import demo_id
from care.hospital.words import load
from care.patients.service import PatientData
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from store.base import Base

DemoEvent: TypeAlias = tuple[int, str, dict[str, Any]]
"""Days before today (less than 0: ahead), the event's kind, its codes."""
REGIONS = ("330106", "330105", "330108", "330110", "330109", "330402", "310104")
TAGS = ("家庭医生签约", "重点随访", "独居")
FULL_TERM = 278
"""Days from the last period to birth."""


@dataclass(frozen=True, slots=True)
class Person:
    """A patient of the demo before there are rows. `conditions`: ICD-10, wording, days since it was diagnosed."""

    data: PatientData
    conditions: list[tuple[str, str, int]]
    events: list[DemoEvent]
    purposes: frozenset[Purpose]
    books: tuple[str, str] | None = None
    tags: tuple[str, ...] = ()


def enriched(one: Person, chance: random.Random) -> Person:
    """With what audiences ask for: some new diagnoses, operations had or planned, pregnancies and births, tags, a place to live."""
    code, display, days = one.conditions[0]
    about = next(entry for entry in load("conditions") if entry["code"] == code)
    if chance.random() < 0.25:
        days = chance.randint(1, 45)
    more: list[DemoEvent] = []
    where = {"department": about["department"]}
    if code.startswith("Z34"):
        gestation = chance.randint(5 * 7, 38 * 7)
        born = chance.random() < 0.3
        more.append(
            (chance.randint(5, 150), "pregnancy.birth", {})
            if born
            else (0, "pregnancy.registered", {"gestation_days": gestation})
        )
    elif "surgery" in about and chance.random() < 0.6:
        ago = chance.choice((-chance.randint(2, 25), chance.randint(4, 40), chance.randint(4, 160)))
        operation = {**about["surgery"], **where}
        more.append((ago, "procedure.planned" if ago < 0 else "procedure.performed", operation))
        if ago > 0:
            more += [(ago + 2, "encounter.admitted", where), (max(0, ago - 5), "encounter.discharged", where)]
    region = chance.choice(REGIONS) if chance.random() < 0.9 else None
    return replace(
        one,
        data=replace(one.data, residence_code=region),
        conditions=[(code, display, days), *one.conditions[1:]],
        events=[*one.events, *more],
        tags=tuple(tag for tag in TAGS if chance.random() < 0.08),
    )


def records_of(patient_id: UUID, events: Sequence[DemoEvent], today: date) -> Iterator[Base]:
    """The rows the dated events stand for."""
    admitted: int | None = None
    seen: set[tuple[Any, ...]] = set()
    for days, kind, codes in sorted(events, key=lambda event: (-event[0], event[1])):
        day = today - timedelta(days=days)
        department = demo_id("department", codes["department"]) if "department" in codes else None
        match kind:
            case "encounter.admitted":
                admitted = days
            case "encounter.finished" | "encounter.discharged":
                stay = kind == "encounter.discharged"
                start = today - timedelta(days=admitted or days + 5) if stay else day
                key = (stay, start, department)
                if key not in seen:
                    seen.add(key)
                    yield Encounter(
                        patient_id=patient_id,
                        kind=EncounterKind.INPATIENT if stay else EncounterKind.OUTPATIENT,
                        department_id=department,
                        start_date=start,
                        end_date=day,
                    )
                admitted = None if stay else admitted
            case "procedure.performed" | "procedure.planned":
                done = kind == "procedure.performed"
                yield Procedure(
                    patient_id=patient_id,
                    code=codes["code"],
                    display=codes["display"],
                    status=ProcedureStatus.COMPLETED if done else ProcedureStatus.PLANNED,
                    performed_date=day,
                    department_id=department,
                )
            case "pregnancy.registered":
                yield Pregnancy(patient_id=patient_id, lmp_date=day - timedelta(days=codes["gestation_days"]))
            case "pregnancy.birth":
                lmp = day - timedelta(days=FULL_TERM)
                yield Pregnancy(patient_id=patient_id, lmp_date=lmp, ended_date=day, outcome=Outcome.BIRTH)
