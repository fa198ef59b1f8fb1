"""Comparing an answer with a value: for `enableWhen` and for red flags alike.

FHIR R4 (http://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html), with two things decided: what was not answered fulfils
nothing but `exists = false`, and of several choices `=` asks whether it is among them, `!=` whether it is not.
"""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from typing import Any

from care.questionnaires.parts import Item, Operator

_ORDER: dict[str, Callable[[Any, Any], bool]] = {">": op.gt, "<": op.lt, ">=": op.ge, "<=": op.le}


def holds(item: Item, answer: Any, operator: Operator, expected: Any) -> bool:
    """Whether `answer` to `item` stands to `expected` as `operator` says."""
    if operator == "exists":
        return bool((answer is not None and answer != []) == expected)
    if answer is None or answer == []:
        return False
    found = [_plain(item, one, expected) for one in (answer if isinstance(answer, list) else [answer])]
    if operator == "=":
        return any(one == expected for one in found)
    if operator == "!=":
        return all(one != expected for one in found)
    return any(comparable(one, expected) and _ORDER[operator](one, expected) for one in found)


def compared(value: float, operator: Operator, expected: float) -> bool:
    """The same for a plain number."""
    match operator:
        case "=":
            return value == expected
        case "!=":
            return value != expected
        case "exists":
            return bool(expected)
        case _:
            return _ORDER[operator](value, expected)


def comparable(one: Any, other: Any) -> bool:
    return (_number(one) and _number(other)) or (isinstance(one, str) and isinstance(other, str))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(item: Item, answer: Any, expected: Any) -> Any:
    """The answer as what it is compared with: a choice's points where a number is expected."""
    return (
        item.ordinals.get(answer)
        if item.choices and isinstance(answer, str) and _number(expected)
        else answer
    )
