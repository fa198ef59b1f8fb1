"""Whom a sentence is about: "我妈眼睛看东西模糊" speaks of the writer's mother."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from care.hospital.words import load
from care.patients.models import Relation
from care.patients.service import LinkedPatient


@dataclass(frozen=True, slots=True)
class Mention:
    """The relation spoken of and the word that said so (`我妈`)."""

    relation: Relation
    word: str


@cache
def _words() -> tuple[tuple[re.Pattern[str], Relation], ...]:
    table: dict[str, list[str]] = load("words")["relations"]
    pairs = [(word, Relation(relation)) for relation, words in table.items() for word in words]
    pairs.sort(key=lambda pair: -len(pair[0]))
    return tuple((re.compile(re.escape(word)), relation) for word, relation in pairs)


def mentioned(text: str) -> Mention | None:
    """The person the text names by relation, or None; the longest word wins (`我妈妈` before `我妈`)."""
    for pattern, relation in _words():
        if (found := pattern.search(text)) is not None:
            return Mention(relation, found.group())
    return None


def meant(text: str, linked: Sequence[LinkedPatient]) -> list[LinkedPatient]:
    """Which of a contact's patients the text speaks of.

    By full name, by the person's own word for them, by relation.

    Empty when it names none, or one who is not linked.
    """
    by_name = [item for item in linked if item.patient.name in text]
    if by_name:
        return by_name
    by_label = [item for item in linked if item.label and item.label in text]
    if by_label:
        return by_label
    mention = mentioned(text)
    return [item for item in linked if mention is not None and item.relation == mention.relation]
