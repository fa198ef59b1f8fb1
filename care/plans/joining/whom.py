"""Who of an audience may be put into a plan, from which day, and why the others may not: one statement for the look and the doing."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, case, exists, func, literal, null, select

from care.consents.models import OptOut, OptOutLevel
from care.patients.models import Patient, PatientContact, PatientStatus
from care.plans import facts
from care.plans.definition import Plan
from care.plans.enrolling import refused
from care.plans.models import LIVE, CarePlan

JOINS = ""
DIED, MOVED, ALREADY, WITHDRAWN, LEFT, OPTED_OUT, NO_DAY, OVER = (
    "died", "moved", "already", "withdrawn", "left", "opted_out", "no_day", "over",
)  # fmt: skip
LEFT_BY = ("refused", "patient", "withdrawn")
"""Ends of a plan after which nobody is put into it again with a crowd: the person did not want it."""
OWN_CODES = ("diagnosis", "surgery")
"""Facts that are the plan's only with its codes: another diagnosis is another day."""


def candidates(plan: Plan, everyone: Select[Any] | None, day: date | None, today: date) -> Select[Any]:
    """`patient_id`, `verdict` (`JOINS`, or why not) and `day` of `everyone` (a select of ids; None: all patients, to be narrowed).

    `day`: everybody's first; None: each one's newest fact of the plan's kind.
    """
    first: Any = literal(day, Date()) if day is not None else _newest(plan, today)
    mine = (CarePlan.patient_id == Patient.id, CarePlan.plan == plan.name)
    verdict = case(
        (Patient.status == PatientStatus.DIED, literal(DIED)),
        (Patient.status != PatientStatus.ACTIVE, literal(MOVED)),
        (exists().where(*mine, CarePlan.status.in_(LIVE)), literal(ALREADY)),
        (refused(Patient.id), literal(WITHDRAWN)),
        (exists().where(*mine, CarePlan.reason.in_(LEFT_BY)), literal(LEFT)),
        (_opted_out(), literal(OPTED_OUT)),
        (first.is_(null()), literal(NO_DAY)),
        (first < facts.horizon(plan, today), literal(OVER)),
        else_=literal(JOINS),
    )
    found = select(Patient.id.label("patient_id"), verdict.label("verdict"), first.label("day"))
    return found if everyone is None else found.where(Patient.id.in_(everyone))


def joiners(plan: Plan, everyone: Select[Any] | None, day: date | None, today: date) -> Select[Any]:
    """`patient_id` and `day` of those who may, by id."""
    each = candidates(plan, everyone, day, today).subquery("each")
    return select(each.c.patient_id, each.c.day).where(each.c.verdict == JOINS).order_by(each.c.patient_id)


def _newest(plan: Plan, today: date) -> Any:
    codes = plan.codes if plan.anchor in OWN_CODES else ()
    fact = facts.of_anchor(plan.anchor, codes, last=today)
    newest = select(func.max(fact.c.day, type_=Date())).where(fact.c.patient_id == Patient.id)
    return newest.correlate(Patient).scalar_subquery()


def _opted_out() -> ColumnElement[bool]:
    """Somebody speaks for the patient, and nobody of them wants to hear from us."""
    speaks = exists().where(PatientContact.patient_id == Patient.id)
    stopped = select(OptOut.contact_id).where(OptOut.level != OptOutLevel.NONE)
    wants = exists().where(PatientContact.patient_id == Patient.id, PatientContact.contact_id.not_in(stopped))
    return and_(speaks, ~wants)
