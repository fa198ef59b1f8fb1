"""Reading the items of a FHIR R4 Questionnaire, groups opened, with errors that name the item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from care.questionnaires import extensions as ext
from care.questionnaires.errors import DefinitionError
from care.questionnaires.parts import Choice, Condition, Gate, Item

TYPES = {
    "boolean": "boolean",
    "choice": "choice",
    "open-choice": "open-choice",
    "integer": "integer",
    "decimal": "decimal",
    "quantity": "quantity",
    "date": "date",
    "text": "text",
    "string": "text",
}
"""FHIR's item types that can be asked → ours."""
NUMBERS = frozenset({"integer", "decimal", "quantity"})
PREFILLS = frozenset({"birth-date", "sex", "last"})
"""What may stand ready: the record's birth date or sex, or the answer of the response before."""
OPERATORS = frozenset({"exists", "=", "!=", ">", "<", ">=", "<="})
MOST_ITEMS, MOST_CHOICES = 60, 30
MOST_LINK_ID = 60
"""As long as `AnswerNow.link_id`."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item stands: heading and conditions of the groups around it."""

    group: str | None = None
    gates: tuple[Gate, ...] = ()
    path: tuple[str, ...] = ()


def read_items(raw: dict[str, Any]) -> tuple[Item, ...]:
    """The questions in order. Raises `DefinitionError`."""
    entries = _list(raw, "item", None)
    if not entries:
        raise DefinitionError("no_items")
    found = list(_opened(entries, _Place()))
    if not found:
        raise DefinitionError("no_items")
    if len(found) > MOST_ITEMS:
        raise DefinitionError("too_many_items", most=MOST_ITEMS)
    items = tuple(replace(one, number=at, total=len(found)) for at, one in enumerate(found, 1))
    _check_together(items)
    return items


def _opened(entries: list[dict[str, Any]], place: _Place) -> Iterator[Item]:
    for at, raw in enumerate(entries, 1):
        link_id = raw.get("linkId")
        if not link_id or not isinstance(link_id, str):
            raise DefinitionError("no_link_id", number=at, text=str(raw.get("text") or "")[:20])
        if len(link_id) > MOST_LINK_ID:
            raise DefinitionError("long_link_id", link_id, most=MOST_LINK_ID)
        if raw.get("type") == "group":
            gate = Gate(_conditions(raw, link_id), _every(raw, link_id))
            gates = (*place.gates, gate) if gate.conditions else place.gates
            inside = _list(raw, "item", link_id)
            if not inside:
                raise DefinitionError("empty_group", link_id)
            yield from _opened(inside, _Place(raw.get("text") or place.group, gates, (*place.path, link_id)))
        else:
            if raw.get("item"):
                raise DefinitionError("nested", link_id)
            yield _item(raw, link_id, place)


def _item(raw: dict[str, Any], link_id: str, place: _Place) -> Item:
    kind = TYPES.get(str(raw.get("type", "")))
    if kind is None:
        raise DefinitionError("type", link_id, type=raw.get("type", ""), types=", ".join(sorted(TYPES)))
    if not str(raw.get("text") or "").strip():
        raise DefinitionError("no_text", link_id)
    choices = tuple(_choice(option, link_id) for option in _list(raw, "answerOption", link_id))
    _check_choices(kind, choices, raw, link_id)
    unit = ext.first(raw, ext.UNIT) or ext.first(raw, ext.UNIT_OPTION)
    coding = (unit or {}).get("valueCoding") or {}
    if kind == "quantity" and not (coding.get("code") and coding.get("system") == ext.UCUM):
        raise DefinitionError("no_unit", link_id)
    plausible = ext.first(raw, ext.PLAUSIBLE) or {}
    prefill = ext.value(raw, ext.PREFILL)
    if prefill is not None and prefill not in PREFILLS:
        raise DefinitionError("prefill", link_id, prefill=prefill, prefills=", ".join(sorted(PREFILLS)))
    item = Item(
        link_id=link_id,
        text=raw["text"],
        type=kind,
        choices=choices,
        required=raw.get("required") is True,
        minimum=_number(ext.value(plausible, "low"), link_id),
        maximum=_number(ext.value(plausible, "high"), link_id),
        repeats=raw.get("repeats") is True,
        unit=coding.get("display") or coding.get("code"),
        unit_code=coding.get("code"),
        group=place.group,
        why=ext.value(raw, ext.WHY),
        prefill=prefill,
        enable=_conditions(raw, link_id),
        enable_all=_every(raw, link_id),
        pair=ext.value(raw, ext.PAIR),
        lowest=_number(ext.value(raw, ext.MIN_VALUE), link_id),
        highest=_number(ext.value(raw, ext.MAX_VALUE), link_id),
        gates=place.gates,
        path=place.path,
    )
    _check_ranges(item)
    return item


def _choice(option: dict[str, Any], link_id: str) -> Choice:
    coding = option.get("valueCoding") or {}
    if not coding.get("code") or not coding.get("display"):
        raise DefinitionError("option", link_id)
    ordinal = ext.value(coding, ext.ORDINAL)
    if ordinal is None:
        ordinal = ext.value(option, ext.ORDINAL)
    exclusive = ext.value(option, ext.EXCLUSIVE) is True
    return Choice(str(coding["code"]), str(coding["display"]), _number(ordinal, link_id), exclusive)


def _conditions(raw: dict[str, Any], link_id: str) -> tuple[Condition, ...]:
    found = []
    for one in _list(raw, "enableWhen", link_id):
        answers = [value for key, value in one.items() if key.startswith("answer")]
        if not one.get("question") or one.get("operator") not in OPERATORS or len(answers) != 1:
            raise DefinitionError("enable_when", link_id)
        value = answers[0]
        if isinstance(value, dict):
            value = value.get("code", value.get("value"))
        found.append(Condition(one["question"], one["operator"], value))
    return tuple(found)


def _every(raw: dict[str, Any], link_id: str) -> bool:
    """FHIR R4 (que-12): with more than one `enableWhen` the behaviour must be said."""
    behaviour = raw.get("enableBehavior")
    if len(raw.get("enableWhen") or []) > 1 and behaviour not in ("all", "any"):
        raise DefinitionError("enable_behavior", link_id)
    return behaviour != "any"


def _check_choices(kind: str, choices: tuple[Choice, ...], raw: dict[str, Any], link_id: str) -> None:
    if kind in ("choice", "open-choice"):
        if len(choices) < 2:
            raise DefinitionError("few_options", link_id)
        if len(choices) > MOST_CHOICES:
            raise DefinitionError("too_many_options", link_id, most=MOST_CHOICES)
        for attribute in ("code", "label"):
            said = [getattr(one, attribute) for one in choices]
            twice = next((one for one in said if said.count(one) > 1), None)
            if twice is not None:
                raise DefinitionError("option_twice", link_id, option=twice)
    elif choices:
        raise DefinitionError("options_unasked", link_id)
    elif raw.get("repeats") is True:
        raise DefinitionError("repeats", link_id)


def _check_ranges(item: Item) -> None:
    bounds = (item.lowest, item.minimum, item.maximum, item.highest)
    if any(one is not None for one in bounds) and item.type not in NUMBERS:
        raise DefinitionError("range_type", item.link_id)
    given = [one for one in bounds if one is not None]
    if given != sorted(given):
        raise DefinitionError("range", item.link_id)


def _check_together(items: tuple[Item, ...]) -> None:
    """Ids are unique, conditions look back at what was asked before, pairs are numbers."""
    earlier: dict[str, Item] = {}
    numbers = {one.link_id for one in items if one.type in NUMBERS}
    for item in items:
        if item.link_id in earlier:
            raise DefinitionError("link_id_twice", item.link_id)
        for condition in (*item.enable, *(one for gate in item.gates for one in gate.conditions)):
            if condition.link_id not in earlier:
                raise DefinitionError("enable_later", item.link_id, question=condition.link_id)
            check_value(earlier[condition.link_id], condition.operator, condition.value, item.link_id)
        if item.pair is not None and (item.pair not in numbers or item.type not in NUMBERS):
            raise DefinitionError("pair", item.link_id, pair=item.pair)
        earlier[item.link_id] = item


def check_value(item: Item, operator: str, value: Any, where: str) -> None:
    """Whether an answer to `item` can be compared with `value` at all. Raises `DefinitionError` naming `where`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if operator == "exists" or item.type == "boolean":
        fits = isinstance(value, bool) and operator in ("exists", "=", "!=")
    elif item.choices:
        fits = bool(item.ordinals) if number else operator in ("=", "!=") and _has(item, value)
    elif item.type in NUMBERS:
        fits = number
    elif item.type == "date":
        fits = isinstance(value, str) and _is_date(value)
    else:
        fits = False
    if not fits:
        raise DefinitionError("condition", where, question=item.text[:20], value=value)


def _has(item: Item, code: Any) -> bool:
    return any(one.code == code for one in item.choices)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _number(value: Any, link_id: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError("not_a_number", link_id, value=value)
    return float(value)


def _list(raw: dict[str, Any], key: str, where: str | None) -> list[dict[str, Any]]:
    found = raw.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DefinitionError("not_a_list", where, field=key)
    return found
