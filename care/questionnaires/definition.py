"""Reading a FHIR R4 Questionnaire: the item types chat can ask, with errors that name the item.

Scores: http://hl7.org/fhir/StructureDefinition/ordinalValue on the option's coding (FHIR R4 extension
registry). Ranges: http://hl7.org/fhir/StructureDefinition/minValue and maxValue on the item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"
MAX_VALUE = "http://hl7.org/fhir/StructureDefinition/maxValue"
ASKABLE = frozenset({"boolean", "choice", "integer", "decimal", "text", "string"})


class DefinitionError(ValueError):
    """The definition cannot be used; the message names the item and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to choose: `code` is stored, `label` shown; `ordinal` counts towards the score."""

    code: str
    label: str
    ordinal: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """A question. `number` of `total` counts from 1. `minimum` and `maximum` bound a number."""

    link_id: str
    text: str
    type: str
    choices: tuple[Choice, ...]
    required: bool
    minimum: float | None
    maximum: float | None
    number: int
    total: int


def items_of(definition: dict[str, Any]) -> tuple[Item, ...]:
    """The questions in order. Raises `DefinitionError`."""
    if definition.get("resourceType") != "Questionnaire":
        raise DefinitionError("resourceType must be Questionnaire")
    raw = definition.get("item") or []
    if not raw:
        raise DefinitionError("a questionnaire needs at least one item")
    items = tuple(_item(entry, number, len(raw)) for number, entry in enumerate(raw, 1))
    ids = [item.link_id for item in items]
    if len(set(ids)) != len(ids):
        raise DefinitionError("two items have the same linkId")
    return items


def _item(raw: dict[str, Any], number: int, total: int) -> Item:
    link_id = raw.get("linkId")
    if not link_id:
        raise DefinitionError(f"item {number}: linkId is missing")
    kind = raw.get("type", "")
    if kind not in ASKABLE:
        raise DefinitionError(f"item {link_id}: type {kind!r} cannot be asked; use one of {sorted(ASKABLE)}")
    if not raw.get("text"):
        raise DefinitionError(f"item {link_id}: text is missing")
    choices = tuple(_choice(option, link_id) for option in raw.get("answerOption", []))
    if kind == "choice" and len(choices) < 2:
        raise DefinitionError(f"item {link_id}: a choice needs at least two answerOption")
    extensions = {entry["url"]: entry for entry in raw.get("extension", [])}
    return Item(
        link_id=link_id,
        text=raw["text"],
        type=kind,
        choices=choices,
        required=bool(raw.get("required", False)),
        minimum=_bound(extensions.get(MIN_VALUE)),
        maximum=_bound(extensions.get(MAX_VALUE)),
        number=number,
        total=total,
    )


def _choice(option: dict[str, Any], link_id: str) -> Choice:
    coding = option.get("valueCoding") or {}
    if not coding.get("code") or not coding.get("display"):
        raise DefinitionError(f"item {link_id}: an answerOption needs valueCoding with code and display")
    ordinal = next(
        (entry.get("valueDecimal") for entry in coding.get("extension", []) if entry.get("url") == ORDINAL),
        None,
    )
    return Choice(coding["code"], coding["display"], None if ordinal is None else int(ordinal))


def _bound(extension: dict[str, Any] | None) -> float | None:
    if extension is None:
        return None
    value = extension.get("valueInteger", extension.get("valueDecimal"))
    return None if value is None else float(value)
