"""A rule as a sentence a nurse would say; the words are data (`data/seed/audiences/words.yml`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from content.audiences import rules
from content.audiences.data import load
from content.audiences.vocabulary import Vocabulary, named

L = TypeVar("L", bound=rules.Leaf)
Said = tuple[str, str, dict[str, Any]]
"""The entry of `leaves`, the shape of its bounds, and the values."""

_kinds: dict[str, Callable[[Any, Vocabulary], Said]] = {}


def sentence(rule: rules.Group, words: Vocabulary) -> str:
    """The whole audience."""
    joins = load("words")["joins"]
    if not rule.rules:
        return str(joins["nobody_yet"])
    return str(joins["whole"].format(text=phrase(rule, words)))


def phrase(rule: rules.Rule, words: Vocabulary) -> str:
    """A node in words, without an end."""
    if isinstance(rule, rules.Group):
        return _group(rule, words)
    entry, shape, values = _kinds[rule.kind](rule, words)
    known = load("words")["leaves"][entry]
    form = known.get(shape, known["none"])
    if rule.negate and "not" in form:
        return str(form["not"].format(**values))
    said = str(form["is"].format(**values))
    return str(load("words")["joins"]["turned"].format(text=said)) if rule.negate else said


def _group(group: rules.Group, words: Vocabulary) -> str:
    joins = load("words")["joins"]
    if not group.rules:
        return str(joins["nothing_any" if group.kind == "any" else "nothing_all"])
    inner = [_nested(one, group, words) for one in group.rules]
    if group.kind != "not":
        return str(joins[group.kind]).join(inner)
    if len(inner) == 1:
        return str(joins["none_of_one"].format(text=phrase(group.rules[0], words)))
    return str(joins["none_of"].format(text=joins["nested"].format(text=joins["any"].join(inner))))


def _nested(one: rules.Rule, outer: rules.Group, words: Vocabulary) -> str:
    """In brackets where the sentence could be read two ways."""
    said = phrase(one, words)
    plain = not isinstance(one, rules.Group) or len(one.rules) < 2 or one.kind in ("not", outer.kind)
    return said if plain else str(load("words")["joins"]["nested"].format(text=said))


# --- lists and bounds ---


def said_code(names: Mapping[str, str], code: str) -> str:
    """`2型糖尿病（E11）`, or the bare code where nobody named it."""
    joins, name = load("words")["joins"], named(names, code)
    return str(
        joins["bare"].format(code=code) if name is None else joins["coded"].format(name=name, code=code)
    )


def _codes(names: Mapping[str, str], codes: Iterable[str], nothing: str) -> str:
    return _either([said_code(names, one) for one in codes], nothing)


def _either(said: Iterable[str], nothing: str) -> str:
    words = load("words")
    return str(words["joins"]["or"]).join(said) or str(words["nothing_named"][nothing])


def _names(names: Mapping[str, str], codes: Iterable[str], nothing: str) -> str:
    unknown = load("words")["joins"]["unknown"]
    return _either([names.get(one) or unknown.format(code=one) for one in codes], nothing)


def _shape(leaf: rules.Ranged) -> str:
    match leaf.at_least, leaf.at_most:
        case (None, None):
            return "none"
        case (None, _):
            return "at_most"
        case (_, None):
            return "at_least"
        case (least, most):
            return "same" if least == most else "both"


def _bounds(leaf: rules.Ranged) -> dict[str, Any]:
    return {"at_least": leaf.at_least, "at_most": leaf.at_most}


def _of(kind: type[L]) -> Callable[[Callable[[L, Vocabulary], Said]], Callable[[L, Vocabulary], Said]]:
    def register(say: Callable[[L, Vocabulary], Said]) -> Callable[[L, Vocabulary], Said]:
        _kinds[kind.model_fields["kind"].default] = say
        return say

    return register


# --- the leaves ---


@_of(rules.Everyone)
def _everyone(leaf: rules.Everyone, words: Vocabulary) -> Said:
    return "everyone", "none", {}


@_of(rules.Age)
def _age(leaf: rules.Age, words: Vocabulary) -> Said:
    return "age", _shape(leaf), _bounds(leaf)


@_of(rules.Sex)
def _sex(leaf: rules.Sex, words: Vocabulary) -> Said:
    return "sex", "none", {"among": _names(words.sexes, leaf.among, "among")}


@_of(rules.Residence)
def _residence(leaf: rules.Residence, words: Vocabulary) -> Said:
    return "residence", "none", {"codes": _names(words.regions, leaf.codes, "region")}


@_of(rules.Language)
def _language(leaf: rules.Language, words: Vocabulary) -> Said:
    return "language", "none", {"among": _names(words.languages, leaf.among, "among")}


@_of(rules.Diagnosis)
def _diagnosis(leaf: rules.Diagnosis, words: Vocabulary) -> Said:
    return (
        "condition",
        _shape(leaf),
        {"codes": _codes(words.conditions, leaf.codes, "codes"), **_bounds(leaf)},
    )


@_of(rules.Stage)
def _stage(leaf: rules.Stage, words: Vocabulary) -> Said:
    stage = _names(words.stages, [leaf.stage] if leaf.stage else [], "stage")
    return (
        "stage",
        "coded" if leaf.codes else "none",
        {
            "stage": stage,
            "codes": _codes(words.conditions, leaf.codes, "codes"),
        },
    )


@_of(rules.Event)
def _event(leaf: rules.Event, words: Vocabulary) -> Said:
    event = words.events[leaf.event]
    if leaf.codes and leaf.event in ("surgery", "planned_surgery"):
        event = load("words")["said"]["surgery"].format(codes=_codes(words.surgeries, leaf.codes, "codes"))
    entry = "planned" if leaf.event == "planned_surgery" else "event"
    return entry, _shape(leaf), {"event": event, **_bounds(leaf)}


@_of(rules.Gestation)
def _gestation(leaf: rules.Gestation, words: Vocabulary) -> Said:
    return "pregnancy", _shape(leaf), _bounds(leaf)


@_of(rules.Visit)
def _visit(leaf: rules.Visit, words: Vocabulary) -> Said:
    where = _names(words.departments, leaf.departments, "departments")
    return "visit", _shape(leaf), {"departments": where, **_bounds(leaf)}


@_of(rules.Answer)
def _answer(leaf: rules.Answer, words: Vocabulary) -> Said:
    said, asked = load("words")["said"], words.questionnaires.get(leaf.questionnaire)
    if not leaf.questionnaire:
        question = str(load("words")["nothing_named"]["question"])
    else:
        title = asked.title if asked is not None else leaf.questionnaire
        item = (asked.items.get(leaf.item) if asked is not None else None) or leaf.item
        question = said["item" if leaf.item else "score"].format(questionnaire=title, item=item)
    if leaf.within is not None:
        question = said["within"].format(within=leaf.within) + question
    choices = asked.choices.get(leaf.item, {}) if asked is not None else {}
    codes = _either([said["quoted"].format(name=choices.get(one, one)) for one in leaf.codes], "among")
    return (
        "answer",
        "coded" if leaf.codes else _shape(leaf),
        {
            "question": question,
            "codes": codes,
            **_bounds(leaf),
        },
    )


@_of(rules.Reading)
def _reading(leaf: rules.Reading, words: Vocabulary) -> Said:
    said = load("words")["said"]
    what = [said["topic"].format(name=words.topics.get(one, one)) for one in leaf.topics]
    what += [said["article"].format(name=words.articles.get(one, one)) for one in leaf.articles]
    shape = "none" if leaf.within is None else "at_most"
    values = {"what": _either(what, "articles"), "within": leaf.within, "grace": leaf.grace}
    return f"reading_{leaf.how}", shape, values


@_of(rules.Tag)
def _tag(leaf: rules.Tag, words: Vocabulary) -> Said:
    quoted = load("words")["said"]["quoted"]
    return "tag", "none", {"among": _either([quoted.format(name=one) for one in leaf.among], "among")}


@_of(rules.Channel)
def _channel(leaf: rules.Channel, words: Vocabulary) -> Said:
    return "channel", "none", {"among": _names(words.channels, leaf.among, "among")}


@_of(rules.Agreed)
def _agreed(leaf: rules.Agreed, words: Vocabulary) -> Said:
    purposes = [leaf.purpose] if leaf.purpose else []
    return "consent", "none", {"purpose": _names(words.purposes, purposes, "purpose")}


def say_fact(key: str, values: Mapping[str, Any], words: Vocabulary) -> str:
    """A fact of the record (`content.audiences.evidence.Fact`) in words."""
    facts = load("words")["facts"]
    given = cast("dict[str, Any]", dict(values))
    shown = {
        "sex": words.sexes,
        "channel": words.channels,
        "language": words.languages,
    }
    for name, names in shown.items():
        if name in given:
            given[name] = names.get(given[name], given[name])
    if key == "residence":
        given["code"] = said_code(words.regions, given["code"])
    if key == "diagnosed" and given["over"]:
        key = "diagnosed_over"
    if key == "read" and given["finished"]:
        key = "read_finished"
    if key == "answer":
        key = "answer_number" if given["code"] is None else "answer_code"
        given["answer"] = given["answer"] if "answer" in given else given["code"] or f"{given['number']:g}"
    said = str(facts[key].format(**given))
    ahead = key != "planned_surgery" and given.get("days", 0) < 0
    return str(facts["coming"].format(text=said)) if ahead else said
