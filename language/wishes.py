"""What a whole message wishes about articles: some recommended, to know why one came, to stop a topic, personal choice or being counted.

The patterns and the words of topics are data (`data/language/wishes.yml`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from language.normalise import fold

FILE = Path(__file__).parents[1] / "data" / "language" / "wishes.yml"
LONGEST = 40
"""Characters: what is longer says more than one wish."""
Kind = Literal[
    "why",
    "personal_off",
    "personal_on",
    "tracking_off",
    "tracking_on",
    "reading",
    "stop_topic",
    "resume_topic",
    "recommend",
]
_EDGES = re.compile("^(?:关于|有关|和)|(?:方面|相关|有关|类)*的?$")


@dataclass(frozen=True, slots=True)
class Wish:
    """`topic` is a key of article_topics.yml where one was named; `about` what else the articles are to be about, as typed."""

    kind: Kind
    topic: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Book:
    topics: dict[str, str]
    """Word → topic."""
    not_now: re.Pattern[str]
    patterns: tuple[tuple[Kind, re.Pattern[str]], ...]


def read(text: str) -> Wish | None:
    """The wish a message consists of; None where it is none (or says more than that)."""
    said = fold(text)
    if not said or len(said) > LONGEST:
        return None
    book = _book()
    for kind, pattern in book.patterns:
        match = pattern.fullmatch(said)
        if match is None or (kind == "recommend" and book.not_now.search(said)):
            continue
        groups = match.groupdict()
        about = _EDGES.sub("", groups.get("about") or "")
        topic = book.topics.get(groups.get("topic") or about, "")
        return Wish(kind, topic, "" if topic else about)
    return None


def topics() -> set[str]:
    """The topics that have words."""
    return set(_book().topics.values())


@cache
def _book() -> _Book:
    raw: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    words = {str(word): str(topic) for topic, given in raw["topics"].items() for word in given}
    illness = _one_of(word for word, topic in words.items() if topic in raw["illnesses"])
    patterns = tuple(
        (kind, re.compile(pattern.replace("{topic}", _one_of(words)).replace("{illness}", illness)))
        for kind in get_args(Kind)
        for pattern in raw[kind]
    )
    return _Book(words, re.compile(raw["not_now"]), patterns)


def _one_of(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
