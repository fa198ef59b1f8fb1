"""What the record system says happened, as rows and as events of the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, TypeAlias

from care.patients.models import Condition
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from channels.chinatime import CHINA
from store.events import PatientEvent

Record: TypeAlias = Condition | Encounter | Procedure | Pregnancy
MORNING = time(10, 0)
"""The hour a fact is put at of which only the day is known."""


def events_of(row: Record, department: str = "") -> Iterator[PatientEvent]:
    """The events a new row stands for, at its own dates; `department` is its department's code."""
    where = {"department": department} if department else {}
    match row:
        case Condition():
            yield _event(row, "condition.diagnosed", row.recorded_date, code=row.code)
        case Encounter() if row.kind == EncounterKind.INPATIENT:
            yield _event(row, "encounter.admitted", row.start_date, **where)
            if row.end_date is not None:
                yield _event(row, "encounter.discharged", row.end_date, **where)
        case Encounter():
            yield _event(row, "encounter.finished", row.start_date, **where)
        case Procedure() if row.status == ProcedureStatus.COMPLETED:
            yield _event(row, "procedure.performed", row.performed_date, code=row.code, **where)
        case Pregnancy():
            yield _event(row, "pregnancy.registered", row.lmp_date)
            if row.outcome == Outcome.BIRTH and row.ended_date is not None:
                yield _event(row, "pregnancy.birth", row.ended_date)


def _event(row: Record, kind: str, day: date, **codes: Any) -> PatientEvent:
    return PatientEvent(
        patient_id=row.patient_id, kind=kind, at=datetime.combine(day, MORNING, CHINA), data=codes
    )
