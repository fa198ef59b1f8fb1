"""Which rules a new reading meets, alone and with those before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from care.observations.measures import Measures, ReadingRule, Test
from care.questionnaires.flags import Flag

FRESH = timedelta(days=2)
"""What a device hands in later than this is kept, and rings no bell any more."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value and when it was measured."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class About:
    """What of the record the rules ask for."""

    conditions: Collection[str] = ()
    pregnant: bool = False


def furthest(known: Measures) -> timedelta:
    """How far back any rule looks."""
    return timedelta(days=max(rule.days for rule in known.rules))


def raised(
    known: Measures,
    new: Mapping[str, Point],
    history: Mapping[str, Sequence[Point]],
    about: About,
    now: datetime,
) -> list[Flag]:
    """Flags of the readings `new` (one a code); `history`: per code, oldest first, those included. Milder ones that a graver covers
    are left out."""
    held = [
        rule
        for rule in known.rules
        if _concerns(rule, about) and any(_holds(rule, test, new, history, now) for test in rule.tests)
    ]
    covered = {name for rule in held for name in rule.covers}
    return [
        Flag(rule.name, rule.severity, rule.title, rule.says, None, crisis=False)
        for rule in held
        if rule.name not in covered
    ]


def _concerns(rule: ReadingRule, about: About) -> bool:
    if rule.pregnant and not about.pregnant:
        return False
    return not rule.conditions or any(code.startswith(rule.conditions) for code in about.conditions)


def _holds(
    rule: ReadingRule,
    test: Test,
    new: Mapping[str, Point],
    history: Mapping[str, Sequence[Point]],
    now: datetime,
) -> bool:
    point = new.get(test.code)
    if point is None or now - point.at > FRESH:
        return False
    since = point.at - timedelta(days=rule.days)
    before = [one for one in history.get(test.code, ()) if since <= one.at <= point.at]
    if test.kind == "rise":
        return any(point.value - one.value >= test.value for one in before)
    last = [one.value for one in before][-rule.in_a_row :] if rule.in_a_row > 1 else [point.value]
    return len(last) == rule.in_a_row and all(test.met(value) for value in last)
