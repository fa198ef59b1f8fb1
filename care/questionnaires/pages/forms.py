"""From what a page sends to an answer of an item, and back to what its fields show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from care.questionnaires.definition import Item
from care.questionnaires.outcomes import Value
from care.questionnaires.values import NUMBERS
from channels.posted import Refused, json_of

OTHER = "_other"
"""The value of the choice whose words stand in the field `other`."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What one question's form sent. `values`: as they stand in the fields; `revision`: the response's as the page knew it."""

    link_id: str
    values: tuple[str, ...]
    other: str
    skip: bool
    sure: bool
    revision: int | None


def posted_form(fields: Mapping[str, Sequence[str]]) -> Posted:
    def one(name: str) -> str:
        return fields.get(name, [""])[-1]

    number = one("revision")
    revision = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    values = tuple(value for value in fields.get("value", ()) if value.strip())
    return Posted(one("link_id"), values, one("other"), one("skip") == "1", one("sure") == "1", revision)


def posted_json(raw: bytes) -> Posted:
    """Raises `Refused` for what our script never sends."""
    said = json_of(raw)
    if not isinstance(said, dict):
        raise Refused(400)
    values, revision = said.get("values", []), said.get("revision")
    texts = [said.get("link_id"), said.get("other", ""), *(values if isinstance(values, list) else [None])]
    if not all(isinstance(one, str) and "\0" not in one for one in texts) or len(texts) > 100:
        raise Refused(400)
    if isinstance(revision, bool) or not isinstance(revision, int | None):
        raise Refused(400)
    return Posted(
        texts[0],
        tuple(one for one in values if one.strip()),
        texts[1],
        said.get("skip") is True,
        said.get("sure") is True,
        revision,
    )


def said_of(item: Item, posted: Posted) -> str | Value:
    """The answer: a `Value`, or the words typed where a number is asked for, to be read like any message."""
    values = posted.values
    if posted.skip or not values:
        return Value(None)
    if item.type == "boolean":
        return Value({"true": True, "false": False}.get(values[0], values[0]))
    if item.type in ("choice", "open-choice"):
        chosen: list[Any] = [{"other": posted.other.strip()} if one == OTHER else one for one in values]
        return Value(chosen if item.repeats else chosen[0])
    if item.type in NUMBERS and not posted.sure:
        return values[0]
    if item.type in NUMBERS:
        return Value(_number(values[0], whole=item.type == "integer"), sure=True)
    return Value(values[0].strip())


def _number(text: str, *, whole: bool) -> float | int | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if whole and number == int(number) else number


def shown(value: Any) -> tuple[tuple[str, ...], str]:
    """What the fields of an item show for a stored answer: their values, and the words of `other`."""
    if value is None:
        return (), ""
    found = value if isinstance(value, list) else [value]
    other = next((str(one.get("other", "")) for one in found if isinstance(one, dict)), "")
    return tuple(OTHER if isinstance(one, dict) else plain(one) for one in found), other


def plain(value: Any) -> str:
    """A stored value as text: `true`, `38.5`, `3`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
