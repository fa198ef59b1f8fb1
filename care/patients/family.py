"""Whom a sentence is about: "我妈眼睛看东西模糊" speaks of the writer's mother."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from care.hospital.words import load
from care.patients.models import Relation
from care.patients.service import LinkedPatient

BOTH = re.compile(r"[爸爹][爸爹]?(?:和|跟)?[妈娘]|父母|妈妈?(?:和|跟)?爸")
"""Two people in one word: neither is meant alone."""
MIN_NAME = 3
"""Characters of a name whose last two say who it is."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The relation spoken of and the word that said so (`我妈`)."""

    relation: Relation
    word: str


@cache
def _words() -> tuple[re.Pattern[str], dict[str, Relation]]:
    table: dict[str, list[str]] = load("words")["relations"]
    relations = {word: Relation(relation) for relation, words in table.items() for word in words}
    longest_first = sorted(relations, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), relations


def mentioned(text: str) -> Mention | None:
    """The one relative the text names, or None.

    Several different ones ("我妈说孩子发烧") are left to be asked about.
    """
    pattern, relations = _words()
    words = pattern.findall(text)
    if len({relations[word] for word in words}) != 1:
        return None
    return Mention(relations[words[0]], words[0])


def meant(text: str, linked: Sequence[LinkedPatient]) -> list[LinkedPatient]:
    """Which of a contact's patients the text speaks of.

    By full name, by the person's own word for them, by the given name alone, by relation (and sex, where the word says it).

    Empty when it names none, or one who is not linked.
    """
    by_name = [item for item in linked if item.patient.name in text]
    if by_name:
        return by_name
    by_label = [item for item in linked if item.label and item.label in text]
    if by_label:
        return by_label
    by_given = [item for item in linked if _given(item.patient.name, text)]
    if by_given:
        return by_given
    parents = [item for item in linked if item.relation in (Relation.MOTHER, Relation.FATHER)]
    if len(parents) > 1 and BOTH.search(text):
        return parents
    mention = mentioned(text)
    if mention is None:
        return []
    sex = _sex(mention.word)
    return [
        item
        for item in linked
        if item.relation == mention.relation and (not sex or item.patient.sex in (sex, None, "", "unknown"))
    ]


def _given(name: str, text: str) -> bool:
    """`小满` of 赵小满, where it stands for somebody and is no part of another's name or of a doctor's."""
    if len(name) < MIN_NAME:
        return False
    given = re.escape(name[1:])
    return (
        re.search(rf"(?:^|[给帮替为是叫家要和跟就选,，。 ]){given}(?!医生|大夫|主任|医师|专家|[路街])", text)
        is not None
    )


def _sex(word: str) -> str:
    table: dict[str, list[str]] = load("words")["sexes"]
    return next((sex for sex, words in table.items() if any(word.endswith(one) for one in words)), "")
