"""Each kind of leaf as SQL: a condition over `patient`, or the rows of another table that name patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import aliased

from care.consents.models import ConsentNow
from care.hospital.models import HealthcareService
from care.patients.models import Condition, Patient, PatientContact, PatientTag
from care.questionnaires.models import AnswerNow
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from channels.contacts.models import Contact
from content.articles.models import Article
from content.audiences import rules
from content.audiences.day import Day
from content.reading.models import ArticleRead, ArticleSent


@dataclass(frozen=True, slots=True)
class Rows:
    """Who is named by `these` rows of another table and not by `but`: selects of patients' ids, over different aliases."""

    these: Select[UUID]
    but: Select[UUID] | None = None

    def ids(self) -> Select[UUID]:
        """The ids as a set of their own."""
        if self.but is None:
            return self.these
        return self.these.where(~_of(self.but, self.these.selected_columns[0]))

    def of(self, patient_id: Any) -> ColumnElement[bool]:
        """Whether they name the patient: two conditions side by side, which planners can turn into joins."""
        holds = _of(self.these, patient_id)
        return holds if self.but is None else and_(holds, ~_of(self.but, patient_id))


def _of(rows: Select[UUID], patient_id: Any) -> ColumnElement[bool]:
    return exists(rows.where(rows.selected_columns[0] == patient_id).correlate(patient_id.table))


Predicate: TypeAlias = ColumnElement[bool] | Rows
L = TypeVar("L", bound=rules.Leaf)
VISITS = (EncounterKind.OUTPATIENT, EncounterKind.EMERGENCY)
LONGEST_WEEKS = 42
"""Completed weeks after which a pregnancy that nobody closed is over (42 weeks: post-term, WHO)."""

_kinds: dict[str, Callable[[Any, Day], Predicate]] = {}


def predicate(leaf: rules.Leaf, day: Day) -> Predicate:
    """What the leaf says before it is turned round; a condition is never NULL."""
    return _kinds[cast("Any", leaf).kind](leaf, day)


def _says(kind: type[L]) -> Callable[[Callable[[L, Day], Predicate]], Callable[[L, Day], Predicate]]:
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


@_says(rules.Everyone)
def _everyone(leaf: rules.Everyone, day: Day) -> Predicate:
    return true()


@_says(rules.Age)
def _age(leaf: rules.Age, day: Day) -> Predicate:
    year = Patient.birth_year
    bounds: list[ColumnElement[bool]] = [year.is_not(None)]
    if leaf.at_least is not None:
        bounds.append(year <= day.today.year - leaf.at_least)
    if leaf.at_most is not None:
        bounds.append(year >= day.today.year - leaf.at_most)
    return and_(*bounds)


@_says(rules.Sex)
def _sex(leaf: rules.Sex, day: Day) -> Predicate:
    return Patient.sex.in_(leaf.among)


@_says(rules.Residence)
def _residence(leaf: rules.Residence, day: Day) -> Predicate:
    code = Patient.residence_code
    return and_(code.is_not(None), begins_with(code, leaf.codes))


@_says(rules.Language)
def _language(leaf: rules.Language, day: Day) -> Predicate:
    return func.coalesce(Patient.language, "zh").in_(leaf.among)


# --- conditions and events ---


@_says(rules.Diagnosis)
def _diagnosis(leaf: rules.Diagnosis, day: Day) -> Predicate:
    found = select(Condition.patient_id).where(
        begins_with(Condition.code, leaf.codes),
        _window(Condition.recorded_date, leaf, day),
        or_(Condition.ended_date.is_(None), Condition.ended_date > day.today),
    )
    return Rows(found)


@_says(rules.Event)
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
        return Rows(found)
    nearer = aliased(Procedure)
    return Rows(found, select(nearer.patient_id).where(planned(nearer, day.today, day.ahead(first - 1))))


def _newest(
    table: Any,
    when: Callable[[Any], Any],
    which: Callable[[Any], list[ColumnElement[bool]]],
    leaf: rules.Ranged,
    day: Day,
) -> Rows:
    """Patients whose newest row of these lies in the leaf's days."""
    found = select(table.patient_id).where(*which(table), _window(when(table), leaf, day))
    if not leaf.at_least:
        return Rows(found)
    newer = aliased(table)
    later = and_(when(newer) > day.ago(leaf.at_least), when(newer) <= day.today)
    return Rows(found, select(newer.patient_id).where(*which(newer), later))


@_says(rules.Gestation)
def _gestation(leaf: rules.Gestation, day: Day) -> Predicate:
    weeks = LONGEST_WEEKS if leaf.at_most is None else min(leaf.at_most, LONGEST_WEEKS)
    found = select(Pregnancy.patient_id).where(
        Pregnancy.lmp_date >= day.ago(weeks * 7 + 6),
        Pregnancy.lmp_date <= day.ago((leaf.at_least or 0) * 7),
        or_(Pregnancy.ended_date.is_(None), Pregnancy.ended_date > day.today),
    )
    return Rows(found)


@_says(rules.Visit)
def _visit(leaf: rules.Visit, day: Day) -> Predicate:
    chosen = select(HealthcareService.id).where(HealthcareService.code.in_(leaf.departments))

    def which(row: Any) -> list[ColumnElement[bool]]:
        there = [row.department_id.in_(chosen)] if leaf.departments else []
        return [row.kind.in_(VISITS), *there]

    return _newest(Encounter, lambda row: row.start_date, which, leaf, day)


# --- what was said, read and agreed to ---


@_says(rules.Answer)
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
    return Rows(select(AnswerNow.patient_id).where(*asked))


@_says(rules.Reading)
def _reading(leaf: rules.Reading, day: Day) -> Predicate:
    since = None if leaf.within is None else day.begins(day.ago(leaf.within))

    def about(table: Any, moment: Any) -> list[ColumnElement[bool]]:
        named: list[ColumnElement[bool]] = []
        if leaf.topics:
            named.append(table.topic.in_(leaf.topics))
        if leaf.articles:
            named.append(table.article_id.in_(select(Article.id).where(Article.slug.in_(leaf.articles))))
        wanted = [or_(*named)] if named else []
        return wanted if since is None else [*wanted, moment >= since]

    read = about(ArticleRead, ArticleRead.opened_at)
    if leaf.how == "finished":
        read.append(ArticleRead.finished_at.is_not(None))
    opened = select(ArticleRead.patient_id).where(*read)
    if leaf.how != "ignored":
        return Rows(opened)
    early = ArticleSent.sent_at < day.ends(day.ago(leaf.grace))
    sent = select(ArticleSent.patient_id).where(*about(ArticleSent, ArticleSent.sent_at), early)
    return Rows(sent, opened)


@_says(rules.Tag)
def _tag(leaf: rules.Tag, day: Day) -> Predicate:
    return Rows(select(PatientTag.patient_id).where(PatientTag.tag.in_(leaf.among)))


@_says(rules.Channel)
def _channel(leaf: rules.Channel, day: Day) -> Predicate:
    alive = (Contact.status == "active", Contact.channel.in_(leaf.among))
    joined = select(PatientContact.patient_id).join(Contact, Contact.id == PatientContact.contact_id)
    return Rows(joined.where(*alive))


@_says(rules.Agreed)
def _agreed(leaf: rules.Agreed, day: Day) -> Predicate:
    agreed = (ConsentNow.purpose == leaf.purpose, ConsentNow.granted)
    return Rows(select(ConsentNow.subject_id).where(*agreed))
