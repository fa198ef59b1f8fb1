"""Whether a typed value may answer an item: the one check for what was read from words, tapped, and sent by a form."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Literal

from care.questionnaires.definition import Item

Why = Literal[
    "not_an_option",
    "not_a_number",
    "not_a_date",
    "out_of_range",
    "empty",
    "required",
    "which",
    "compared",
    "too_long",
]
"""Why something is no answer. `which`: it says two things; `compared`: it says better or worse than before, but not how much."""

NUMBERS = frozenset({"integer", "decimal", "quantity"})
LONGEST = 2000
"""Characters of a free answer; ours."""


def refused(item: Item, value: Any) -> Why | None:
    """Why `value` cannot be stored for `item`; None: it can."""
    if value is None:
        return "required" if item.required else None
    if item.repeats:
        return _refused_list(item, value)
    return _refused_one(item, value)


def _refused_list(item: Item, value: Any) -> Why | None:
    if not isinstance(value, list) or not value:
        return "required" if value == [] and item.required else "not_an_option"
    if any(_refused_one(item, one) for one in value) or len({repr(one) for one in value}) != len(value):
        return "not_an_option"
    alone = {choice.code for choice in item.choices if choice.exclusive}
    return "which" if len(value) > 1 and any(one in alone for one in value if isinstance(one, str)) else None


def _refused_one(item: Item, value: Any) -> Why | None:
    if item.type == "boolean":
        return None if isinstance(value, bool) else "not_an_option"
    if item.type in ("choice", "open-choice"):
        if item.type == "open-choice" and isinstance(value, dict):
            other = value.get("other")
            return _refused_text(other) if set(value) == {"other"} else "not_an_option"
        return None if any(value == choice.code for choice in item.choices) else "not_an_option"
    if item.type in NUMBERS:
        return _refused_number(item, value)
    if item.type == "date":
        return None if _is_date(value) else "not_a_date"
    return _refused_text(value)


def _refused_number(item: Item, value: Any) -> Why | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "not_a_number"
    if item.type == "integer" and value != int(value):
        return "not_a_number"
    below = item.lowest is not None and value < item.lowest
    return "out_of_range" if below or (item.highest is not None and value > item.highest) else None


def _refused_text(value: Any) -> Why | None:
    if not isinstance(value, str) or not value.strip():
        return "empty"
    return "too_long" if len(value) > LONGEST else None


def _is_date(value: Any) -> bool:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def plausible(item: Item, value: Any) -> bool:
    """Whether a number lies in the item's plausible range; what is no number always does."""
    if item.type not in NUMBERS or value is None:
        return True
    return not (
        (item.minimum is not None and value < item.minimum)
        or (item.maximum is not None and value > item.maximum)
    )
