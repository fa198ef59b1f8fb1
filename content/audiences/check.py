"""What is wrong with a rule, in words an editor can act on: what blocks saving, and what is only worth a second look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from content.audiences import rules
from content.audiences.contradictions import contradictions
from content.audiences.data import load
from content.audiences.rules import Path
from content.audiences.vocabulary import Vocabulary, named

# Chapter letter, two digits, then up to six characters behind a point (ICD-10 国家医保版 writes `E11.900`, `I10.x00`).
ICD10 = re.compile(r"[A-Z]([0-9]{1,2}(\.[0-9x][0-9A-Zx+]{0,5})?)?")
# ICD-9-CM-3: two digits, a point, up to four digits, then the national extension (`80.6x00`).
ICD9 = re.compile(r"[0-9]{2}(\.[0-9][0-9x]{0,5})?")
REGION = re.compile(r"[1-9][0-9]([0-9]{2}){0,2}")


@dataclass(frozen=True, slots=True)
class Problem:
    """At the node `path`; `name`: its field, empty for the whole. `blocks`: it cannot be saved like this."""

    path: Path
    key: str
    name: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    blocks: bool = True

    def said(self) -> str:
        """In Chinese."""
        return str(load("words")["problems"][self.key].format(**self.values))


def check(rule: rules.Group, words: Vocabulary) -> list[Problem]:
    """Everything that is wrong, outermost first."""
    if not rule.rules:
        return [Problem((), "nothing")]
    return [*_node(rule, (), words), *_contradictions(rule)]


def _contradictions(rule: rules.Group) -> Iterator[Problem]:
    why = load("words")["why"]
    for path, reason in contradictions(rule):
        yield Problem(path, "contradiction", values={"what": why[reason]}, blocks=False)


def _node(rule: rules.Rule, path: Path, words: Vocabulary) -> Iterator[Problem]:
    if isinstance(rule, rules.Group):
        if not rule.rules:
            yield Problem(path, "empty_group")
        for place, one in enumerate(rule.rules):
            yield from _node(one, (*path, place), words)
        return
    if isinstance(rule, rules.Ranged) and rule.upside_down:
        yield Problem(path, "upside_down", "at_least")
    yield from _leaf(rule, path, words)


def _leaf(leaf: Any, path: Path, words: Vocabulary) -> Iterator[Problem]:
    """Shapes of codes, and whether what is named is there."""

    def missing(name: str) -> Problem:
        label = load("form")["fields"][leaf.kind][name]["label"]
        return Problem(path, "missing", name, {"field": label})

    def known(
        name: str, codes: list[str], names: Mapping[str, str], needed: bool = False
    ) -> Iterator[Problem]:
        if needed and not codes:
            yield missing(name)
        for code in codes:
            if code not in names:
                yield Problem(path, "unknown", name, {"code": code})

    def shaped(name: str, shape: re.Pattern[str], wrong: str, names: Mapping[str, str]) -> Iterator[Problem]:
        for code in getattr(leaf, name):
            if not shape.fullmatch(code):
                yield Problem(path, wrong, name, {"code": code})
            elif named(names, code) is None:
                yield Problem(path, "unnamed", name, {"code": code}, blocks=False)

    match leaf:
        case rules.Age():
            if leaf.at_least is None and leaf.at_most is None:
                yield missing("at_least")
        case rules.Sex():
            yield from known("among", leaf.among, words.sexes, needed=True)
        case rules.Language():
            yield from known("among", leaf.among, words.languages, needed=True)
        case rules.Channel():
            yield from known("among", leaf.among, words.channels, needed=True)
        case rules.Residence():
            if not leaf.codes:
                yield missing("codes")
            yield from shaped("codes", REGION, "no_region", words.regions)
        case rules.Diagnosis():
            yield from shaped("codes", ICD10, "no_icd", words.conditions)
        case rules.Stage():
            yield from known("stage", [leaf.stage] if leaf.stage else [], words.stages, needed=True)
            yield from shaped("codes", ICD10, "no_icd", words.conditions)
        case rules.Event():
            yield from shaped("codes", ICD9, "no_procedure", words.surgeries)
        case rules.Visit():
            yield from known("departments", leaf.departments, words.departments)
        case rules.Reading():
            yield from known("topics", leaf.topics, words.topics)
            yield from known("articles", leaf.articles, words.articles)
        case rules.Agreed():
            yield from known("purpose", [leaf.purpose] if leaf.purpose else [], words.purposes, needed=True)
        case rules.Tag():
            if not leaf.among:
                yield missing("among")
            for tag in leaf.among:
                if tag not in words.tags:
                    yield Problem(path, "nobody_has", "among", {"code": tag}, blocks=False)
        case rules.Answer():
            yield from _answer(leaf, path, words, missing)


def _answer(
    leaf: rules.Answer, path: Path, words: Vocabulary, missing: Callable[[str], Problem]
) -> Iterator[Problem]:
    asked = words.questionnaires.get(leaf.questionnaire)
    if not leaf.questionnaire:
        yield missing("questionnaire")
    elif asked is None:
        yield Problem(path, "unknown", "questionnaire", {"code": leaf.questionnaire})
    elif leaf.item and leaf.item not in asked.items:
        yield Problem(path, "unknown", "item", {"code": leaf.item})
    else:
        choices = asked.choices.get(leaf.item, {})
        for code in leaf.codes:
            if code not in choices and code not in ("true", "false"):
                yield Problem(path, "unknown", "codes", {"code": code})
