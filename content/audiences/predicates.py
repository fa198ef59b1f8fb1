"""Each kind of leaf as SQL: a condition over `patient`, or a select of the ids of those for whom it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import aliased

from care.consents.models import ConsentNow
from care.hospital.models import HealthcareService
from care.patients.models import Condition, Patient, PatientContact, PatientTag
from care.questionnaires.models import AnswerNow
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from channels.contacts.models import Contact
from content.audiences import rules
from content.audiences.day import Day
from content.reading.models import ArticleRead, ArticleSent

Predicate: TypeAlias = ColumnElement[bool] | Select[UUID]
L = TypeVar("L", bound=rules.Leaf)
VISITS = (EncounterKind.OUTPATIENT, EncounterKind.EMERGENCY)
LONGEST_WEEKS = 42
"""Completed weeks after which a pregnancy that nobody closed is over (42 weeks: post-term, WHO)."""

_kinds: dict[str, Callable[[Any, Day], Predicate]] = {}


def predicate(leaf: rules.Leaf, day: Day) -> Predicate:
    """What the leaf says before it is turned round; a condition is never NULL."""
    return _kinds[cast("Any", leaf).kind](leaf, day)


def _of(kind: type[L]) -> Callable[[Callable[[L, Day], Predicate]], Callable[[L, Day], Predicate]]:
    def register(build: Callable[[L, Day], Predicate]) -> Callable[[L, Day], Predicate]:
        _kinds[kind.model_fields["kind"].default] = build
        return build

    return register


def begins_with(column: Any, prefixes: Sequence[str]) -> ColumnElement[bool]:
    """The code begins with one of them (none: whatever it is); a range each, which an index of codes can serve."""
    if not prefixes:
        return true()
    return or_(*[and_(column >= one, column < after(one)) for one in prefixes])


def after(prefix: str) -> str:
    """The first text, byte by byte, that is behind all that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _window(column: Any, leaf: rules.Ranged, day: Day) -> ColumnElement[bool]:
    """The date lies so many days back, and not ahead."""
    ends = column <= day.ago(leaf.at_least or 0)
    return ends if leaf.at_most is None else and_(column >= day.ago(leaf.at_most), ends)


# --- the patient's own row ---


@_of(rules.Everyone)
def _everyone(leaf: rules.Everyone, day: Day) -> Predicate:
    return true()


@_of(rules.Age)
def _age(leaf: rules.Age, day: Day) -> Predicate:
    year = Patient.birth_year
    bounds: list[ColumnElement[bool]] = [year.is_not(None)]
    if leaf.at_least is not None:
        bounds.append(year <= day.today.year - leaf.at_least)
    if leaf.at_most is not None:
        bounds.append(year >= day.today.year - leaf.at_most)
    return and_(*bounds)


@_of(rules.Sex)
def _sex(leaf: rules.Sex, day: Day) -> Predicate:
    return Patient.sex.in_(leaf.among)


@_of(rules.Residence)
def _residence(leaf: rules.Residence, day: Day) -> Predicate:
    code = Patient.residence_code
    return and_(code.is_not(None), begins_with(code, leaf.codes))


@_of(rules.Language)
def _language(leaf: rules.Language, day: Day) -> Predicate:
    return func.coalesce(Patient.language, "zh").in_(leaf.among)


# --- conditions and events ---


@_of(rules.Diagnosis)
def _diagnosis(leaf: rules.Diagnosis, day: Day) -> Predicate:
    return select(Condition.patient_id).where(
        begins_with(Condition.code, leaf.codes),
        _window(Condition.recorded_date, leaf, day),
        or_(Condition.ended_date.is_(None), Condition.ended_date > day.today),
    )


@_of(rules.Event)
def _event(leaf: rules.Event, day: Day) -> Predicate:
    if leaf.event == "planned_surgery":
        return _planned(leaf, day)
    match leaf.event:
        case "surgery":
            return _newest(
                Procedure,
                lambda row: row.performed_date,
                lambda row: [
                    row.status == ProcedureStatus.COMPLETED,
                    begins_with(row.code, leaf.codes),
                ],
                leaf,
                day,
            )
        case "birth":
            return _newest(
                Pregnancy, lambda row: row.ended_date, lambda row: [row.outcome == Outcome.BIRTH], leaf, day
            )
        case _:
            begun = leaf.event == "admission"
            return _newest(
                Encounter,
                lambda row: row.start_date if begun else row.end_date,
                lambda row: [row.kind == EncounterKind.INPATIENT],
                leaf,
                day,
            )


def _planned(leaf: rules.Event, day: Day) -> Predicate:
    """The nearest surgery that is planned from today on."""

    def planned(row: Any, first: date, last: date | None) -> ColumnElement[bool]:
        ends = true() if last is None else row.performed_date <= last
        mine = (row.status == ProcedureStatus.PLANNED, begins_with(row.code, leaf.codes))
        return and_(*mine, row.performed_date >= first, ends)

    first, last = leaf.at_least or 0, None if leaf.at_most is None else day.ahead(leaf.at_most)
    found = select(Procedure.patient_id).where(planned(Procedure, day.ahead(first), last))
    if first == 0:
        return found
    nearer = aliased(Procedure)
    same = nearer.patient_id == Procedure.patient_id
    return found.where(~select(1).where(same, planned(nearer, day.today, day.ahead(first - 1))).exists())


def _newest(
    table: Any,
    when: Callable[[Any], Any],
    which: Callable[[Any], list[ColumnElement[bool]]],
    leaf: rules.Ranged,
    day: Day,
) -> Select[UUID]:
    """Patients whose newest row of these lies in the leaf's days."""
    found = select(table.patient_id).where(*which(table), _window(when(table), leaf, day))
    if not leaf.at_least:
        return found
    newer = aliased(table)
    later = and_(when(newer) > day.ago(leaf.at_least), when(newer) <= day.today)
    same = newer.patient_id == table.patient_id
    return found.where(~select(1).where(same, *which(newer), later).exists())


@_of(rules.Gestation)
def _gestation(leaf: rules.Gestation, day: Day) -> Predicate:
    weeks = LONGEST_WEEKS if leaf.at_most is None else min(leaf.at_most, LONGEST_WEEKS)
    return select(Pregnancy.patient_id).where(
        Pregnancy.lmp_date >= day.ago(weeks * 7 + 6),
        Pregnancy.lmp_date <= day.ago((leaf.at_least or 0) * 7),
        or_(Pregnancy.ended_date.is_(None), Pregnancy.ended_date > day.today),
    )


@_of(rules.Visit)
def _visit(leaf: rules.Visit, day: Day) -> Predicate:
    chosen = select(HealthcareService.id).where(HealthcareService.code.in_(leaf.departments))

    def which(row: Any) -> list[ColumnElement[bool]]:
        there = [row.department_id.in_(chosen)] if leaf.departments else []
        return [row.kind.in_(VISITS), *there]

    return _newest(Encounter, lambda row: row.start_date, which, leaf, day)


# --- what was said, read and agreed to ---


@_of(rules.Answer)
def _answer(leaf: rules.Answer, day: Day) -> Predicate:
    asked = [AnswerNow.questionnaire == leaf.questionnaire, AnswerNow.link_id == leaf.item]
    if leaf.codes:
        asked.append(AnswerNow.code.in_(leaf.codes))
    if leaf.at_least is not None:
        asked.append(AnswerNow.number >= leaf.at_least)
    if leaf.at_most is not None:
        asked.append(AnswerNow.number <= leaf.at_most)
    if leaf.within is not None:
        asked.append(AnswerNow.answered_date >= day.ago(leaf.within))
    return select(AnswerNow.patient_id).where(*asked)


@_of(rules.Reading)
def _reading(leaf: rules.Reading, day: Day) -> Predicate:
    since = None if leaf.within is None else day.begins(day.ago(leaf.within))

    def about(table: Any, moment: Any) -> list[ColumnElement[bool]]:
        named: list[ColumnElement[bool]] = []
        if leaf.topics:
            named.append(table.topic.in_(leaf.topics))
        if leaf.articles:
            named.append(table.article_id.in_(_ids(leaf.articles)))
        wanted = [or_(*named)] if named else []
        return wanted if since is None else [*wanted, moment >= since]

    read = about(ArticleRead, ArticleRead.opened_at)
    if leaf.how == "finished":
        read.append(ArticleRead.finished_at.is_not(None))
    if leaf.how != "ignored":
        return select(ArticleRead.patient_id).where(*read)
    early = ArticleSent.sent_at < day.ends(day.ago(leaf.grace))
    opened = select(1).where(ArticleRead.patient_id == ArticleSent.patient_id, *read).exists()
    return select(ArticleSent.patient_id).where(*about(ArticleSent, ArticleSent.sent_at), early, ~opened)


def _ids(texts: Sequence[str]) -> list[UUID]:
    """Those that are ids; a rule with another text was never saved."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


@_of(rules.Tag)
def _tag(leaf: rules.Tag, day: Day) -> Predicate:
    return select(PatientTag.patient_id).where(PatientTag.tag.in_(leaf.among))


@_of(rules.Channel)
def _channel(leaf: rules.Channel, day: Day) -> Predicate:
    return (
        select(PatientContact.patient_id)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .where(Contact.status == "active", Contact.channel.in_(leaf.among))
    )


@_of(rules.Agreed)
def _agreed(leaf: rules.Agreed, day: Day) -> Predicate:
    return select(ConsentNow.subject_id).where(ConsentNow.purpose == leaf.purpose, ConsentNow.granted)
