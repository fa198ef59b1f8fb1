"""A response as the page shows it: every question with its fields, which are asked, and what decides that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from care.questionnaires.definition import Item, asked
from care.questionnaires.outcomes import Position
from care.questionnaires.pages.forms import plain, shown
from care.questionnaires.parts import Condition
from care.questionnaires.values import NUMBERS


@dataclass(frozen=True, slots=True)
class Screen:
    """One question. `kind`: boolean, choice, number, date or text. `gates`: JSON, what must hold for it to be asked, for the script:
    `[[every, [[link id, operator, value], …]], …]`. `points`: JSON, code → ordinal, where conditions compare it with a number."""

    item: Item
    kind: str
    is_asked: bool
    values: tuple[str, ...]
    other: str
    gates: str
    points: str

    @property
    def plausible(self) -> str:
        """The range a number is doubted outside of, as `low|high`; a side that is open is empty."""
        low, high = self.item.minimum, self.item.maximum
        return f"{'' if low is None else plain(low)}|{'' if high is None else plain(high)}"


Fields = tuple[tuple[str, ...], str]
"""What stands in the fields of a question: values, and the words of `other`."""


def screens(here: Position, typed: Mapping[str, Fields] | None = None) -> list[Screen]:
    """Every question. `typed`: what was written and not taken, to be shown instead of what is stored."""
    now = {one.link_id for one in asked(here.definition, here.answers)}
    return [
        _screen(
            one, one.link_id in now, (typed or {}).get(one.link_id) or shown(here.answers.get(one.link_id))
        )
        for one in here.definition.items
    ]


def _screen(item: Item, is_asked: bool, fields: Fields) -> Screen:
    values, other = fields
    gates = [[gate.every, [_condition(one) for one in gate.conditions]] for gate in item.gates]
    if item.enable:
        gates.append([item.enable_all, [_condition(one) for one in item.enable]])
    return Screen(
        item=item,
        kind=_kind(item),
        is_asked=is_asked,
        values=values,
        other=other,
        gates=json.dumps(gates, ensure_ascii=False),
        points=json.dumps(item.ordinals),
    )


def _kind(item: Item) -> str:
    if item.type in NUMBERS:
        return "number"
    return "choice" if item.type == "open-choice" else item.type


def _condition(one: Condition) -> list[Any]:
    return [one.link_id, one.operator, one.value]


def state(here: Position, revision: int, *, answers: bool = False) -> dict[str, Any]:
    """Where the response stands, for the script; with `answers`, what its fields are to show."""
    found: dict[str, Any] = {
        "revision": revision,
        "at": None if here.item is None else here.item.link_id,
        "number": here.number,
        "total": here.total,
    }
    if answers:
        found["answers"] = {link_id: shown(value) for link_id, value in here.answers.items()}
    return found


def range_of(item: Item) -> tuple[str, str]:
    """The plausible range in words' places; an open side is empty."""
    unit = item.unit or ""
    low = "" if item.minimum is None else f"{plain(item.minimum)}{unit}"
    return low, "" if item.maximum is None else f"{plain(item.maximum)}{unit}"


def label_of_value(item: Item, value: Any) -> str:
    """An answer as people read it."""
    if value is None:
        return "—"
    labels = {one.code: one.label for one in item.choices}
    found = value if isinstance(value, list) else [value]
    said = [str(one["other"]) if isinstance(one, dict) else labels.get(str(one), plain(one)) for one in found]
    return "、".join(said) + ((item.unit or "") if item.type in NUMBERS else "")
