"""Which illnesses a text speaks of, whatever words it has for them (`data/language/illnesses.yml`)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

from language.normalise import normalise

FILE = Path(__file__).parents[1] / "data" / "language" / "illnesses.yml"


def named(text: str) -> frozenset[str]:
    """The illnesses, by their keys."""
    pattern, keys = _words()
    return frozenset(keys[word] for word in pattern.findall(normalise(text)))


@cache
def _words() -> tuple[re.Pattern[str], dict[str, str]]:
    read = yaml.safe_load(FILE.read_text("utf-8"))
    keys = {str(word).lower(): str(key) for key, words in read.items() for word in words}
    return re.compile("|".join(map(re.escape, sorted(keys, key=len, reverse=True)))), keys
