"""Does a sentence speak of a danger (deny it, ask about it, tell of long ago, of others, of papers) or tell one? Words only: they allow
the ear to take a rule's alarm back, and decide nothing alone."""

from __future__ import annotations

import re
from functools import lru_cache

import yaml

from language.screen.lexicon import DATA


@lru_cache(maxsize=1)
def _frames() -> tuple[tuple[str, re.Pattern[str]], ...]:
    read: dict[str, list[str]] = yaml.safe_load((DATA / "frames.yml").read_text("utf-8"))
    return tuple((name, re.compile("|".join(words))) for name, words in read.items())


def frame(prepared: str) -> str | None:
    """The name of the first frame a prepared text has the words of; None for a plain telling."""
    return next((name for name, words in _frames() if words.search(prepared) is not None), None)
