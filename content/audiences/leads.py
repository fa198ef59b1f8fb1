"""Which node of a rule a count begins with: the one that is expected, or on SQLite found, to name the fewest patients."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient
from content.audiences import rules
from content.audiences.compile import ids_of
from content.audiences.day import Day
from content.audiences.rules import Group, Path, Rule
from content.audiences.stages import meaning

WORTH = 0.1
"""The share of all patients from which on looking up each one costs SQLite as much as going through them all (measured on a
million)."""
MOST_LOOKS = 4


def candidates(rule: Rule, path: Path = ()) -> Iterator[tuple[int, Path]]:
    """Nodes that must hold for whoever is in, with a guess at how many they name (0: few)."""
    if (size := _guess(rule)) is not None:
        yield size, path
    if isinstance(rule, Group) and rule.kind == "all":
        for place, one in enumerate(rule.rules):
            yield from candidates(one, (*path, place))


def expected(rule: Rule) -> Path | None:
    """The node to begin with as far as the rule alone tells; None: go through all patients."""
    return next((path for _, path in _likely(rule)), None)


async def found(session: AsyncSession, rule: Rule, day: Day) -> Path | None:
    """As `expected`; on SQLite, which keeps no such statistics, it is looked how many the likely ones name, up to the best so far."""
    likely = _likely(rule)
    if session.get_bind().dialect.name != "sqlite" or not likely or likely[0][0] == 0:
        return next((path for _, path in likely), None)
    if len(likely) == 1 and likely[0][0] <= 1:
        return likely[0][1]
    patients = await session.scalar(select(func.max(literal_column("rowid"))).select_from(Patient)) or 0
    best, least = None, int(patients * WORTH) + 1
    enough = least // 100
    for _, path in likely[:MOST_LOOKS]:
        if least > enough and (size := await _size(session, _at(rule, path), day, least)) < least:
            best, least = path, size
    return best


def _likely(rule: Rule) -> list[tuple[int, Path]]:
    """The candidates, the most promising first. An `all` leads through one of its parts, which is a candidate by itself."""
    return sorted(one for one in candidates(rule) if getattr(_at(rule, one[1]), "kind", "") != "all")


async def _size(session: AsyncSession, rule: Rule, day: Day, most: int) -> int:
    """How many ids the node names at the utmost, counted up to `most`; parts of an `any` are added up."""
    if isinstance(rule, Group) and rule.kind == "any":
        size = 0
        for one in rule.rules:
            if size < most:
                size += await _size(session, one, day, most - size)
        return size
    ids = ids_of(rule, day)
    if ids is None:
        return most
    return await session.scalar(select(func.count()).select_from(ids.limit(most).subquery())) or 0


def _at(rule: Rule, path: Path) -> Rule:
    for place in path:
        assert isinstance(rule, Group)
        rule = rule.rules[place]
    return rule


def _guess(rule: Rule) -> int | None:
    if isinstance(rule, Group):
        inner = [_guess(one) for one in rule.rules]
        sizes = [one for one in inner if one is not None]
        if rule.kind == "all":
            return min(sizes, default=None)
        return max(sizes) if rule.kind == "any" and sizes and len(sizes) == len(inner) else None
    if rule.negate:
        return None
    match rule:
        case rules.Stage():
            return _guess(meaning(rule))
        case rules.Gestation():
            return 0
        case rules.Event():
            return 1 if rule.at_most is not None or rule.codes else 3
        case rules.Diagnosis():
            return (1 if rule.at_most is not None else 2) if rule.codes else None
        case rules.Tag() | rules.Answer():
            return 3
        case rules.Reading():
            return 3 if rule.within is not None or rule.topics or rule.articles else None
        case rules.Visit():
            return 3 if rule.at_most is not None else None
    return None  # of these there are many, and to look how many costs more than it brings
