"""A rule as SQL: one condition over `patient`, whatever the tree.

A leaf over another table is an `EXISTS` by the patient, except one: the *lead*, an `IN` from which the database may begin, so that
a rare diagnosis is looked up and a million patients are not looked through. An `any` of such leaves leads as their `UNION`.
PostgreSQL's planner turns both into the same joins and begins where its statistics say. SQLite begins where it is told:
there `content.audiences.leads` looks which of them is small.
"""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    func,
    not_,
    or_,
    select,
    true,
    union,
)

from care.patients.models import Patient, PatientStatus
from content.audiences.day import Day
from content.audiences.predicates import Rows, predicate
from content.audiences.rules import Group, Path, Rule, Stage
from content.audiences.stages import meaning

Ids: TypeAlias = Select[Any] | CompoundSelect[Any]


def matching(rule: Rule, day: Day, lead: Path | None = None) -> ColumnElement[bool]:
    """Whether a row of `Patient` is in, as a condition; never NULL. `lead`: the node to begin with."""
    return _compiled(rule, day, lead)


def patients(rule: Rule, day: Day, lead: Path | None = None) -> Select[UUID]:
    """The ids of all patients in care for whom the rule holds."""
    return select(Patient.id).where(Patient.status == PatientStatus.ACTIVE, matching(rule, day, lead))


def counting(rule: Rule, day: Day, lead: Path | None = None) -> Select[int]:
    """How many they are."""
    where = (Patient.status == PatientStatus.ACTIVE, matching(rule, day, lead))
    return select(func.count()).select_from(Patient).where(*where)


def ids_of(rule: Rule, day: Day) -> Ids | None:
    """The ids of those for whom the rule holds, found without going through all patients; None where that is not to be had."""
    if isinstance(rule, Group):
        if rule.kind == "not" or not rule.rules:
            return None
        return _any_of(rule, day) if rule.kind == "any" else _all_of(rule, day)
    if rule.negate:
        return None
    if isinstance(rule, Stage):
        return ids_of(meaning(rule), day)
    found = predicate(rule, day)
    return found.ids() if isinstance(found, Rows) else None


def _any_of(group: Group, day: Day) -> Ids | None:
    sets = [ids_of(one, day) for one in group.rules]
    found = [one for one in sets if one is not None]
    if len(found) < len(sets):
        return None
    return found[0] if len(found) == 1 else union(*found)


def _all_of(group: Group, day: Day) -> Ids | None:
    for place, one in enumerate(group.rules):
        if ids_of(one, day) is not None:
            return select(Patient.id).where(_compiled(group, day, (place,))).correlate(None)
    return None


def _compiled(rule: Rule, day: Day, lead: Path | None) -> ColumnElement[bool]:
    if lead == () and (ids := ids_of(rule, day)) is not None:
        return Patient.id.in_(ids)
    if isinstance(rule, Group):
        return _group(rule, day, lead)
    if isinstance(rule, Stage):
        holds = _compiled(meaning(rule), day, None)
    else:
        found = predicate(rule, day)
        holds = found.of(Patient.id) if isinstance(found, Rows) else found
    return not_(holds) if rule.negate else holds


def _group(group: Group, day: Day, lead: Path | None) -> ColumnElement[bool]:
    parts = []
    for place, one in enumerate(group.rules):
        leads = lead is not None and lead[:1] == (place,) and group.kind == "all"
        parts.append(_compiled(one, day, lead[1:] if lead and leads else None))
    if group.kind == "all":
        return and_(true(), *parts)
    if group.kind == "any":
        return or_(~true(), *parts)
    # Each by itself, not all of them at once: PostgreSQL makes a join of a NOT EXISTS only where it stands alone.
    return and_(true(), *(not_(part) for part in parts))
