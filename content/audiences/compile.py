"""A rule as SQL: one condition over `patient`, whatever the tree.

A leaf over another table is an `EXISTS` by the patient; on the way of an unbroken `all` from the root it is an `IN`, from which
both databases may begin (a rare diagnosis leads, the million patients do not).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, true

from care.patients.models import Patient, PatientStatus
from content.audiences.day import Day
from content.audiences.predicates import predicate
from content.audiences.rules import Group, Rule, Stage
from content.audiences.stages import meaning


def matching(rule: Rule, day: Day) -> ColumnElement[bool]:
    """Whether a row of `Patient` is in, as a condition; never NULL."""
    return _compiled(rule, day, leads=True)


def patients(rule: Rule, day: Day) -> Select[UUID]:
    """The ids of all patients in care for whom the rule holds."""
    return select(Patient.id).where(Patient.status == PatientStatus.ACTIVE, matching(rule, day))


def counting(rule: Rule, day: Day) -> Select[int]:
    """How many they are."""
    where = (Patient.status == PatientStatus.ACTIVE, matching(rule, day))
    return select(func.count()).select_from(Patient).where(*where)


def _compiled(rule: Rule, day: Day, *, leads: bool) -> ColumnElement[bool]:
    if isinstance(rule, Group):
        return _group(rule, day, leads=leads)
    if isinstance(rule, Stage):
        holds = _compiled(meaning(rule), day, leads=leads and not rule.negate)
    else:
        found = predicate(rule, day)
        holds = _of_patient(found, leads and not rule.negate) if isinstance(found, Select) else found
    return not_(holds) if rule.negate else holds


def _group(group: Group, day: Day, *, leads: bool) -> ColumnElement[bool]:
    parts = [_compiled(one, day, leads=leads and group.kind == "all") for one in group.rules]
    if group.kind == "all":
        return and_(true(), *parts)
    return or_(~true(), *parts) if group.kind == "any" else not_(or_(~true(), *parts))


def _of_patient(rows: Select[Any], leads: bool) -> ColumnElement[bool]:
    if leads:
        return Patient.id.in_(rows)
    owner = rows.selected_columns[0]
    return exists(rows.where(owner == Patient.id).correlate(Patient))
