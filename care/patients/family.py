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
