"""The words answers are read by, and what a reading may leave over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from care.questionnaires.paths import WORDS
from language.normalise import clean

_EDGES = "。.!！,，、;；~?？ "


def fold(text: str) -> str:
    """One way of writing: full-width as half-width, lower case, nothing unseen, no punctuation at the ends."""
    return unicodedata.normalize("NFKC", clean(text)).strip().strip(_EDGES).strip().lower()


@dataclass(frozen=True)
class Words:
    """`words.yml`, folded; each list longest first, so that alternatives match greedily."""

    raw: Mapping[str, Any]

    def list(self, name: str) -> tuple[str, ...]:
        return tuple(sorted((str(one) for one in self.raw[name]), key=len, reverse=True))

    def set(self, name: str) -> frozenset[str]:
        return _set(name)

    @property
    def skip(self) -> frozenset[str]:
        return self.set("skip")

    @property
    def skip_any(self) -> frozenset[str]:
        return self.set("skip_any")

    @property
    def unknown(self) -> frozenset[str]:
        return self.set("unknown")


@cache
def words() -> Words:
    return Words(yaml.safe_load(WORDS.read_text(encoding="utf-8")))


@cache
def _set(name: str) -> frozenset[str]:
    return frozenset(fold(str(one)) for one in words().raw[name])


@cache
def any_of(*names: str) -> re.Pattern[str]:
    """Any word of the lists, longest first."""
    found = sorted({word for name in names for word in words().list(name)}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found)), re.IGNORECASE)


def left_over(text: str, *, names: Iterable[str] = ("fillers",), of: str = "") -> str:
    """What `text` says beyond the words of the lists and the characters of the question's own text."""
    rest = any_of(*names).sub("", text)
    return "".join(one for one in rest if one not in of and not one.isspace())
