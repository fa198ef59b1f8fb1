"""Each kind of leaf judged on one patient's record, with the facts that decided. Written apart from the SQL, and held equal to it
by the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias, TypeVar, cast

from care.records.models import EncounterKind, Outcome, ProcedureStatus
from content.audiences import rules
from content.audiences.day import Day
from content.audiences.facts import PatientFacts
from content.audiences.predicates import LONGEST_WEEKS, VISITS


@dataclass(frozen=True, slots=True)
class Fact:
    """`key` of `facts` in the words file, with its values."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)


Judged: TypeAlias = tuple[bool, list[Fact]]
L = TypeVar("L", bound=rules.Leaf)
SHOWN = 3
"""Facts of a kind at most: the newest."""

_kinds: dict[str, Callable[[Any, PatientFacts, Day], Judged]] = {}


def judge(leaf: rules.Leaf, facts: PatientFacts, day: Day) -> Judged:
    """Whether the leaf holds before it is turned round, and why."""
    return _kinds[cast("Any", leaf).kind](leaf, facts, day)


def _of(
    kind: type[L],
) -> Callable[[Callable[[L, PatientFacts, Day], Judged]], Callable[[L, PatientFacts, Day], Judged]]:
    def register(work: Callable[[L, PatientFacts, Day], Judged]) -> Callable[[L, PatientFacts, Day], Judged]:
        _kinds[kind.model_fields["kind"].default] = work
        return work

    return register


def _starts(code: str, prefixes: Sequence[str]) -> bool:
    return not prefixes or code.startswith(tuple(prefixes))


def _between(number: float, leaf: rules.Ranged) -> bool:
    return (leaf.at_least is None or number >= leaf.at_least) and (
        leaf.at_most is None or number <= leaf.at_most
    )


def _dated(key: str, dated: Iterable[tuple[date, dict[str, Any]]], day: Day) -> list[Fact]:
    """The newest few, or that there are none."""
    newest = sorted(dated, key=lambda one: one[0], reverse=True)[:SHOWN]
    said = [Fact(key, {"day": when, "days": (day.today - when).days, **values}) for when, values in newest]
    return said or [Fact(f"no_{key}")]


# --- the patient's own row ---


@_of(rules.Everyone)
def _everyone(leaf: rules.Everyone, facts: PatientFacts, day: Day) -> Judged:
    return True, []


@_of(rules.Age)
def _age(leaf: rules.Age, facts: PatientFacts, day: Day) -> Judged:
    year = facts.patient.birth_year
    if year is None:
        return False, [Fact("no_age")]
    age = day.today.year - year
    return _between(age, leaf), [Fact("age", {"age": age, "year": year})]


@_of(rules.Sex)
def _sex(leaf: rules.Sex, facts: PatientFacts, day: Day) -> Judged:
    return facts.patient.sex in leaf.among, [Fact("sex", {"sex": facts.patient.sex})]


@_of(rules.Residence)
def _residence(leaf: rules.Residence, facts: PatientFacts, day: Day) -> Judged:
    code = facts.patient.residence_code
    if code is None:
        return False, [Fact("no_residence")]
    return _starts(code, leaf.codes), [Fact("residence", {"code": code})]


@_of(rules.Language)
def _language(leaf: rules.Language, facts: PatientFacts, day: Day) -> Judged:
    language = facts.patient.language or "zh"
    return language in leaf.among, [Fact("language", {"language": language})]


# --- conditions and events ---


@_of(rules.Diagnosis)
def _diagnosis(leaf: rules.Diagnosis, facts: PatientFacts, day: Day) -> Judged:
    asked = [one for one in facts.conditions if _starts(one.code, leaf.codes)]
    holds, said = False, []
    for one in asked:
        over = one.ended_date is not None and one.ended_date <= day.today
        days = (day.today - one.recorded_date).days
        holds = holds or (not over and days >= 0 and _between(days, leaf))
        said.append((one.recorded_date, {"code": one.code, "display": one.display, "over": over}))
    return holds, _dated("diagnosed", said, day)


@_of(rules.Event)
def _event(leaf: rules.Event, facts: PatientFacts, day: Day) -> Judged:
    dated: list[tuple[date, dict[str, Any]]] = []
    if leaf.event in ("surgery", "planned_surgery"):
        ahead = leaf.event == "planned_surgery"
        status = ProcedureStatus.PLANNED if ahead else ProcedureStatus.COMPLETED
        dated = [
            (one.performed_date, {"code": one.code, "display": one.display})
            for one in facts.procedures
            if one.status == status and _starts(one.code, leaf.codes)
        ]
        if ahead:
            return _coming(leaf, dated, day)
    elif leaf.event == "birth":
        ended = [one for one in facts.pregnancies if one.outcome == Outcome.BIRTH]
        dated = [(one.ended_date, {}) for one in ended if one.ended_date is not None]
    else:
        stays = [one for one in facts.encounters if one.row.kind == EncounterKind.INPATIENT]
        days = [(one.row.start_date if leaf.event == "admission" else one.row.end_date, one) for one in stays]
        dated = [(when, {"department": one.name}) for when, one in days if when is not None]
    return _newest(leaf, dated, leaf.event, day)


def _newest(leaf: rules.Ranged, dated: list[tuple[date, dict[str, Any]]], key: str, day: Day) -> Judged:
    past = [when for when, _ in dated if when <= day.today]
    holds = bool(past) and _between((day.today - max(past)).days, leaf)
    return holds, _dated(key, dated, day)


def _coming(leaf: rules.Ranged, dated: list[tuple[date, dict[str, Any]]], day: Day) -> Judged:
    ahead = sorted((one for one in dated if one[0] >= day.today), key=lambda one: one[0])
    if not ahead:
        return False, [Fact("no_planned_surgery")]
    when, values = ahead[0]
    days = (when - day.today).days
    return _between(days, leaf), [Fact("planned_surgery", {"day": when, "days": days, **values})]


@_of(rules.Gestation)
def _gestation(leaf: rules.Gestation, facts: PatientFacts, day: Day) -> Judged:
    open_ones = [
        one
        for one in facts.pregnancies
        if one.lmp_date <= day.today and (one.ended_date is None or one.ended_date > day.today)
    ]
    weeks = [((day.today - one.lmp_date).days // 7, one.lmp_date) for one in open_ones]
    holds = any(number <= LONGEST_WEEKS and _between(number, leaf) for number, _ in weeks)
    said = [Fact("pregnancy", {"weeks": number, "day": when}) for number, when in sorted(weeks)[:SHOWN]]
    return holds, said or [Fact("no_pregnancy")]


@_of(rules.Visit)
def _visit(leaf: rules.Visit, facts: PatientFacts, day: Day) -> Judged:
    dated = [
        (one.row.start_date, {"department": one.name})
        for one in facts.encounters
        if one.row.kind in VISITS and (not leaf.departments or one.code in leaf.departments)
    ]
    return _newest(leaf, dated, "visit", day)


# --- what was said, read and agreed to ---


@_of(rules.Answer)
def _answer(leaf: rules.Answer, facts: PatientFacts, day: Day) -> Judged:
    for one in facts.answers:
        if (one.questionnaire, one.link_id) != (leaf.questionnaire, leaf.item):
            continue
        holds = not leaf.codes or one.code in leaf.codes
        if leaf.at_least is not None or leaf.at_most is not None:
            holds = holds and one.number is not None and _between(one.number, leaf)
        if leaf.within is not None:
            holds = holds and (day.today - one.answered_date).days <= leaf.within
        values = {"code": one.code, "number": one.number, "day": one.answered_date}
        return holds, [Fact("answer", {**values, "days": (day.today - one.answered_date).days})]
    return False, [Fact("no_answer")]


@_of(rules.Reading)
def _reading(leaf: rules.Reading, facts: PatientFacts, day: Day) -> Judged:
    def about(one: Any, when: date) -> bool:
        named = not (leaf.topics or leaf.articles)
        named = named or one.row.topic in leaf.topics or one.slug in leaf.articles
        return named and (leaf.within is None or (day.today - when).days <= leaf.within)

    read = [(day.local(one.row.opened_at), one) for one in facts.reads]
    read = [(when, one) for when, one in read if about(one, when)]
    said = _dated("read", [(when, {"finished": one.row.finished_at is not None}) for when, one in read], day)
    if leaf.how == "read":
        return bool(read), said
    if leaf.how == "finished":
        return any(one.row.finished_at is not None for _, one in read), said
    sent = [when for one in facts.sent if about(one, when := day.local(one.row.sent_at))]
    waited = [when for when in sent if (day.today - when).days >= leaf.grace]
    return bool(waited) and not read, [*_dated("sent", [(when, {}) for when in sent], day), *said]


@_of(rules.Tag)
def _tag(leaf: rules.Tag, facts: PatientFacts, day: Day) -> Judged:
    said = [Fact("tag", {"tag": one}) for one in sorted(facts.tags)]
    return not facts.tags.isdisjoint(leaf.among), said or [Fact("no_tag")]


@_of(rules.Channel)
def _channel(leaf: rules.Channel, facts: PatientFacts, day: Day) -> Judged:
    said = [Fact("channel", {"channel": one}) for one in sorted(facts.channels)]
    return not facts.channels.isdisjoint(leaf.among), said or [Fact("no_channel")]


@_of(rules.Agreed)
def _agreed(leaf: rules.Agreed, facts: PatientFacts, day: Day) -> Judged:
    agreed = facts.consents.get(leaf.purpose)
    return agreed is True, [Fact("no_consent" if agreed is None else "agreed" if agreed else "withdrawn")]
