"""The dated facts plans are counted from, as one select each: patient, the fact's row, the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, exists, or_, select, union_all

from care.appointments.models import Appointment, Slot, Status
from care.hospital.models import HealthcareService
from care.patients.models import Condition
from care.plans.definition import Plan
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus

VISITS = (EncounterKind.OUTPATIENT, EncounterKind.EMERGENCY)


def facts(plan: Plan, first: date | None = None, last: date | None = None) -> Subquery:
    """`patient_id`, `ref`, `day` of every fact `plan` begins with, from `first` to `last`, both included (None: whenever)."""
    return of_anchor(plan.anchor, plan.codes, plan.departments, first, last)


def of_anchor(
    anchor: str,
    codes: Sequence[str] = (),
    departments: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> Subquery:
    """The same for one of `definition.ANCHORS`. `codes`: of the operation, else of a present diagnosis of the patient's."""

    def span(day: Any) -> list[ColumnElement[bool]]:
        since = [] if first is None else [day >= first]
        return since if last is None else [*since, day <= last]

    def dated(table: Any, day: Any, *where: ColumnElement[bool], coded: bool = True) -> Select[Any]:
        found = select(table.patient_id, table.id.label("ref"), day.label("day"))
        narrowed = [*where, *span(day)]
        if coded and codes:
            narrowed.append(_diagnosed(table.patient_id, codes))
        return found.where(*narrowed)

    match anchor:
        case "surgery":
            done = Procedure.status == ProcedureStatus.COMPLETED
            where = (done, *_coded(Procedure.code, codes), *_of(Procedure.department_id, departments))
            found = dated(Procedure, Procedure.performed_date, *where, coded=False)
        case "discharge":
            stay = (Encounter.kind == EncounterKind.INPATIENT, Encounter.end_date.is_not(None))
            found = dated(Encounter, Encounter.end_date, *stay, *_of(Encounter.department_id, departments))
        case "diagnosis":
            present = or_(Condition.ended_date.is_(None), Condition.ended_date > Condition.recorded_date)
            found = dated(
                Condition, Condition.recorded_date, present, *_coded(Condition.code, codes), coded=False
            )
        case "last_visit":
            visit = (Encounter.kind.in_(VISITS), *_of(Encounter.department_id, departments))
            seen = (Appointment.status == Status.FULFILLED, *_of(Slot.department_id, departments))
            ours = dated(Appointment, Slot.day, *seen).join(Slot, Slot.id == Appointment.slot_id)
            return union_all(dated(Encounter, Encounter.start_date, *visit), ours).subquery("fact")
        case "lmp":
            found = dated(Pregnancy, Pregnancy.lmp_date, Pregnancy.ended_date.is_(None))
        case "birth":
            born = (Pregnancy.outcome == Outcome.BIRTH, Pregnancy.ended_date.is_not(None))
            found = dated(Pregnancy, Pregnancy.ended_date, *born)
        case _:
            raise ValueError(f"no such anchor: {anchor}")
    return found.subquery("fact")


def horizon(plan: Plan, today: date) -> date:
    """The first day a fact may be of so that the plan still has something to do for it."""
    reach = max(one.days + one.stale_days * (one.late == "catch_up") for one in plan.steps)
    return today - timedelta(days=max(plan.closes_after_days, reach))


def _coded(column: Any, codes: Sequence[str]) -> list[ColumnElement[bool]]:
    return [or_(*(column.startswith(code, autoescape=True) for code in codes))] if codes else []


def _of(column: Any, departments: Sequence[str]) -> list[ColumnElement[bool]]:
    if not departments:
        return []
    standard = select(HealthcareService.id).where(HealthcareService.standard.in_(list(departments)))
    return [column.in_(standard)]


def _diagnosed(patient_id: Any, codes: Sequence[str]) -> ColumnElement[bool]:
    present = Condition.ended_date.is_(None)
    return exists().where(Condition.patient_id == patient_id, present, *_coded(Condition.code, codes))
