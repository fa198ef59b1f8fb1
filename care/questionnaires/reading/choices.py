"""One of some options, or several: by number, code, label, or words near a label."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from care.questionnaires.definition import Choice, Item
from care.questionnaires.reading.found import Doubt, Found, Read, Unread
from care.questionnaires.reading.numbers import numbers_in
from care.questionnaires.reading.words import any_of, fold, left_over, words

NEAR, CLEAR = 0.55, 0.12
"""Likeness from which words are asked back as a label, and by how much it must be the likest; set by the phrases in the tests."""


def read_choice(item: Item, folded: str) -> Found:
    for choice in item.choices:
        if folded == fold(choice.label):
            return Read(choice.code)
    if (by_number := _numbered(item, folded)) is not None:
        return by_number
    named, rest = _named(item, folded)
    if len(named) > 1:
        return Unread("which")
    if named and not left_over(rest):
        return Read(named[0].code)
    if not named and _has_none(item) and folded in words().set("none_of_all") | words().set("no"):
        return Read(next(one.code for one in item.choices if one.exclusive))
    near = _near(item, folded)
    return Doubt(near.code) if near is not None else Unread("not_an_option")


def read_several(item: Item, folded: str) -> Found:
    if _has_none(item) and folded in words().set("none_of_all") | words().set("no"):
        return Read([next(one.code for one in item.choices if one.exclusive)])
    if folded in words().set("all"):
        return Doubt([one.code for one in item.choices if not one.exclusive])
    named, rest = _named(item, folded)
    if named and not left_over(rest, names=("fillers", "joins")):
        return _together(item, [one.code for one in named])
    found: list[str] = []
    loose = False
    parts = [part for part in any_of("joins").split(folded) if part.strip()] or [folded]
    for part in parts:
        one = read_choice(item, fold(part))
        if isinstance(one, Unread):
            if part.isdigit() and len(parts) == 1 and len(item.choices) < 10:
                figures = [int(figure) for figure in part]
                if all(1 <= figure <= len(item.choices) for figure in figures):
                    return Doubt([item.choices[figure - 1].code for figure in figures])
            return one
        loose = loose or isinstance(one, Doubt)
        found.append(str(one.value))
    read = _together(item, found)
    return Doubt(read.value) if loose and isinstance(read, Read) else read


def _together(item: Item, codes: list[str]) -> Found:
    """In the order of the options, each once."""
    chosen = [one for one in item.choices if one.code in codes]
    if len(chosen) > 1 and any(one.exclusive for one in chosen):
        return Unread("which")
    return Read([one.code for one in chosen])


def _has_none(item: Item) -> bool:
    return any(one.exclusive for one in item.choices)


def _numbered(item: Item, folded: str) -> Found | None:
    """By its place, as the menu numbers it; "3分" only where points and places are the same."""
    found = numbers_in(folded)
    if len(found) != 1 or found[0].spread:
        return None
    rest = folded[: found[0].start] + folded[found[0].end :]
    if left_over(rest, names=("fillers", "score_units", "picks", "picked")):
        return None
    value = found[0].value
    points = any_of("score_units").search(rest) is not None
    if points and any(c.ordinal is not None and c.ordinal != at for at, c in enumerate(item.choices, 1)):
        by_points = [one for one in item.choices if one.ordinal == value]
        return Doubt(by_points[0].code) if len(by_points) == 1 else Unread("not_an_option")
    if value != int(value) or not 1 <= value <= len(item.choices):
        return Unread("not_an_option")
    return Read(item.choices[int(value) - 1].code)


def _named(item: Item, folded: str) -> tuple[list[Choice], str]:
    """The options whose label is said, in order, and what else is."""
    rest, found = folded, []
    for choice in sorted(item.choices, key=lambda one: -len(one.label)):
        label = fold(choice.label)
        if label in rest:
            before = rest[: rest.index(label)]
            if re.search(f"(?:{any_of('denials').pattern})$", before):
                return [], folded
            found.append(choice)
            rest = rest.replace(label, " ")
    return found, rest


@cache
def _same_words() -> re.Pattern[str]:
    """Words that mean another one of the labels'."""
    return re.compile("|".join(sorted(words().raw["same"], key=len, reverse=True)))


def _near(item: Item, folded: str) -> Choice | None:
    """The one option whose label is clearly the likest to what was said."""
    said = left_over(_same_words().sub(lambda match: words().raw["same"][match[0]], folded))
    if len(said) < 2:
        return None
    ranked = sorted(
        ((_likeness(said, fold(one.label)), one) for one in item.choices), key=lambda two: -two[0]
    )
    best, after = ranked[0], ranked[1] if len(ranked) > 1 else (0.0, ranked[0][1])
    return best[1] if best[0] >= NEAR and best[0] - after[0] >= CLEAR else None


def _likeness(said: str, label: str) -> float:
    """How much of the characters, and of what stands side by side, is shared; more where one holds the other."""
    if said == label:
        return 1.2
    if label in said and any_of("denials").search(said[: said.index(label)]):
        return 0.0
    if said in label or label in said:
        return 0.6 + 0.4 * min(len(said), len(label)) / max(len(said), len(label))
    alone = _dice(set(said), set(label))
    pairs = _dice(set(pairwise(said)), set(pairwise(label)))
    return 0.6 * alone + 0.4 * pairs


def _dice(left: set[object], right: set[object]) -> float:
    return 2 * len(left & right) / (len(left) + len(right)) if left and right else 0.0
