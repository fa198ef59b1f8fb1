"""Reading an answer typed in chat against the item asked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import yaml

from care.questionnaires.definition import Item
from care.questionnaires.paths import WORDS

Why = Literal["not_an_option", "not_a_number", "out_of_range", "empty", "required"]


@dataclass(frozen=True, slots=True)
class Read:
    """`value`: a choice's code, a number, a bool, a text; None: skipped."""

    value: Any


@dataclass(frozen=True, slots=True)
class Unread:
    why: Why


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return loaded


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().strip("。.!！,，、;；~").strip()


def read(item: Item, text: str) -> Read | Unread:
    """`text` as the patient typed it, or an option's code."""
    folded = fold(text)
    if not folded:
        return Unread("empty")
    if not item.required and folded in _words()["skip"]:
        return Read(None)
    if item.type == "choice":
        return _read_choice(item, folded)
    if item.type == "boolean":
        return _read_boolean(folded)
    if item.type in ("integer", "decimal"):
        return _read_number(item, folded)
    return Read(text.strip())


def _read_choice(item: Item, folded: str) -> Read | Unread:
    for choice in item.choices:
        if folded in (choice.code, choice.label):
            return Read(choice.code)
    number = _number(folded)
    if number is not None:
        if number != int(number) or not 1 <= number <= len(item.choices):
            return Unread("not_an_option")
        return Read(item.choices[int(number) - 1].code)
    named = _named_with_filler(item, folded)
    return Unread("not_an_option") if named is None else Read(named)


def _named_with_filler(item: Item, folded: str) -> str | None:
    """The code of the one option named, if all else is filler.

    "挺满意的" is 满意, "不太满意" is left to be asked.
    """
    rest, found = folded, []
    for choice in sorted(item.choices, key=lambda choice: -len(choice.label)):
        if choice.label in rest:
            found.append(choice.code)
            rest = rest.replace(choice.label, "")
    for filler in sorted(_words()["fillers"], key=len, reverse=True):
        rest = rest.replace(filler, "")
    return found[0] if len(found) == 1 and not rest.strip() else None


def _read_boolean(folded: str) -> Read | Unread:
    if folded in _words()["yes"]:
        return Read(True)
    return Read(False) if folded in _words()["no"] else Unread("not_an_option")


def _read_number(item: Item, folded: str) -> Read | Unread:
    number = _number(folded)
    if number is None or (item.type == "integer" and number != int(number)):
        return Unread("not_a_number")
    if (item.lowest is not None and number < item.lowest) or (
        item.highest is not None and number > item.highest
    ):
        return Unread("out_of_range")
    return Read(int(number) if item.type == "integer" else number)


def _number(folded: str) -> float | None:
    """`3`, `3分`, `三`, `十分`; None when there is more to it than a number and its unit."""
    words = _words()
    bare = re.sub(f"({'|'.join(map(re.escape, words['units']))})$", "", folded)
    for prefix in words["prefixes"]:
        bare = bare.removeprefix(prefix)
    if bare in words["digits"]:
        return float(words["digits"][bare])
    return float(bare) if re.fullmatch(r"-?\d+(\.\d+)?", bare) else None
