"""What is measured, in which units, and the rules over it: `data/seed/observations.yml`, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from web.words import Words

FILE = Path(__file__).resolve().parents[2] / "data" / "seed" / "observations.yml"
words = Words(FILE)


Kind = Literal["at_least", "at_most", "below", "rise"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Measure:
    """`units`: UCUM code → (factor, addend) to `unit`, the one kept. `plausible`: both ends included."""

    code: str
    name: str
    shown: str
    decimals: int
    plausible: tuple[float, float]
    unit: str
    units: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Test:
    """One code's condition: `at_least`, `at_most`, `below`, or a `rise` over the rule's days."""

    code: str
    kind: Kind
    value: float

    def met(self, value: float) -> bool:
        """For a value by itself; a rise is the rules' business."""
        if self.kind == "at_least":
            return value >= self.value
        return value <= self.value if self.kind == "at_most" else value < self.value


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """See the file. `in_a_row` is 1 for a rule over one reading."""

    name: str
    title: str
    severity: Literal["emergency", "urgent", "soon"]
    says: str
    tests: tuple[Test, ...]
    in_a_row: int
    days: int
    conditions: tuple[str, ...]
    pregnant: bool
    covers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measures:
    """The whole file. `becomes`: code sent → code kept."""

    measures: Mapping[str, Measure]
    becomes: Mapping[str, str]
    panels: frozenset[str]
    rules: tuple[ReadingRule, ...]

    def kept(self, code: str) -> Measure | None:
        return self.measures.get(self.becomes.get(code, code))


@cache
def measures() -> Measures:
    """Raises `KeyError` where a rule names a code that is not measured."""
    raw: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    kept = {code: _measure(code, entry) for code, entry in raw["measures"].items() if "becomes" not in entry}
    becomes = {code: entry["becomes"] for code, entry in raw["measures"].items() if "becomes" in entry}
    rules = tuple(_rule(entry) for entry in raw["rules"])
    unknown = {test.code for rule in rules for test in rule.tests} - set(kept)
    if unknown:
        raise KeyError(f"{FILE.name}: rules over codes that are not measured: {sorted(unknown)}")
    return Measures(kept, becomes, frozenset(raw["panels"]), rules)


def _measure(code: str, entry: dict[str, Any]) -> Measure:
    units = {
        unit: (to["factor"], to["add"]) if isinstance(to, dict) else (float(to), 0.0)
        for unit, to in entry["units"].items()
    }
    low, high = entry["plausible"]
    return Measure(
        code, entry["name"], entry["shown"], entry["decimals"], (low, high), next(iter(units)), units
    )


def _rule(entry: dict[str, Any]) -> ReadingRule:
    only = entry.get("only", {})
    return ReadingRule(
        name=entry["name"],
        title=entry["title"],
        severity=entry["severity"],
        says=entry["says"],
        tests=tuple(_test(one) for one in entry["any"]),
        in_a_row=entry.get("in_a_row", 1),
        days=entry.get("days", 0),
        conditions=tuple(only.get("conditions", ())),
        pregnant=only.get("pregnant", False),
        covers=frozenset(entry.get("covers", ())),
    )


def _test(entry: dict[str, Any]) -> Test:
    for kind in KINDS:
        if kind in entry:
            return Test(entry["code"], kind, float(entry[kind]))
    raise KeyError(f"{FILE.name}: a test needs one of {KINDS}: {entry}")
