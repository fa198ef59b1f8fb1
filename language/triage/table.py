"""The symptom-to-department table of ``data/language/triage.yml``, compiled once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parents[2] / "data" / "language" / "triage.yml"
WEIGHTS = {"sure": 6.0, "usual": 3.0, "maybe": 1.0}

_GAP = re.compile(r"~(\d)")
_GROUP = re.compile(r"\((?!\?)")
_DENIED = re.compile(
    r"(?:(?<!有)没有?|无|不是|并非|未见?|否认|不)(?:什么|啥|明显的?|出现|觉得|感觉|太|怎么)?$"
)


def pattern(fragment: str) -> str:
    """A fragment of the table as a regular expression."""
    return _GROUP.sub("(?:", _GAP.sub(lambda m: f"[^,，。;；？?!！\\\\s]{{0,{m.group(1)}}}?", fragment))


@dataclass(frozen=True)
class Hit:
    """A phrase of one department found in a text."""

    department: str
    start: int
    end: int
    words: str
    weight: float


@lru_cache(maxsize=1)
def raw() -> dict[str, Any]:
    """The file as it is."""
    table: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return table


# The names of the contract, in its order; a hospital maps its own departments onto these.
DEPARTMENTS: tuple[str, ...] = tuple(raw()["departments"])


@lru_cache(maxsize=1)
def _phrases() -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    rows: list[tuple[str, float, re.Pattern[str]]] = []
    for department, groups in raw()["departments"].items():
        for group, weight in WEIGHTS.items():
            fragments = [pattern(str(f)) for f in groups.get(group) or ()]
            if fragments:
                fragments.sort(key=len, reverse=True)
                rows.append((department, weight, re.compile("|".join(f"(?:{f})" for f in fragments))))
    return tuple(rows)


@lru_cache(maxsize=16)
def any_of(key: str) -> re.Pattern[str]:
    """One expression for a plain list of the file (``child_words`` …)."""
    return re.compile("|".join(f"(?:{pattern(str(f))})" for f in raw()[key]))


def hits(text: str) -> list[Hit]:
    """Phrases of all departments in a normalised text; denied ones and parts of longer ones left out."""
    found: list[Hit] = []
    for department, weight, compiled in _phrases():
        for match in compiled.finditer(text):
            if match.end() == match.start() or _DENIED.search(
                text[max(0, match.start() - 6) : match.start()]
            ):
                continue
            found.append(Hit(department, match.start(), match.end(), match.group(), weight))
    return [
        hit
        for hit in found
        if not any(
            other.start <= hit.start
            and hit.end <= other.end
            and other.end - other.start > hit.end - hit.start
            and other.weight >= hit.weight
            for other in found
        )
    ]
