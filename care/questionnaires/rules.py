"""Reading the scales and red-flag rules of a definition, with errors that name the scale or rule."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, cast

from care.questionnaires import extensions as ext
from care.questionnaires.errors import DefinitionError
from care.questionnaires.items import NUMBERS, OPERATORS, check_value
from care.questionnaires.parts import Band, Item, Rule, Scale, Trigger

SEVERITIES = ("emergency", "urgent", "soon")


def read_scales(raw: dict[str, Any], items: tuple[Item, ...]) -> tuple[Scale, ...]:
    """The scales. A definition without any, whose choices have points, is scored by their sum."""
    found = tuple(_scale(one, items) for one in ext.all_of(raw, ext.SCALE))
    codes = [one.code for one in found]
    for code in codes:
        if codes.count(code) > 1 or any(one.link_id == code for one in items):
            raise DefinitionError("scale_twice", code)
    if found:
        return found
    counted = tuple(one.link_id for one in items if one.ordinals)
    implied = Scale("total", raw.get("title", ""), counted, frozenset(), "sum", None, ())
    return (implied,) if counted else ()


def _scale(raw: dict[str, Any], items: tuple[Item, ...]) -> Scale:
    code, title = ext.value(raw, "code"), ext.value(raw, "title")
    if not code or not title:
        raise DefinitionError("scale", code)
    mine, reverse = ext.values(raw, "item"), frozenset(ext.values(raw, "reverse"))
    if not mine:
        raise DefinitionError("scale_items", code)
    by_id = {one.link_id: one for one in items}
    for link_id in (*mine, *reverse):
        item = by_id.get(link_id)
        if item is None or not (item.ordinals or item.type in NUMBERS):
            raise DefinitionError("scale_item", code, item=link_id)
        if link_id in reverse and (
            link_id not in mine or not (item.ordinals or None not in (item.lowest, item.highest))
        ):
            raise DefinitionError("scale_reverse", code, item=link_id)
    method = ext.value(raw, "method") or "sum"
    at_least = ext.value(raw, "at-least")
    if method not in ("sum", "mean"):
        raise DefinitionError("scale_method", code, method=method)
    if at_least is not None and not (isinstance(at_least, int) and 1 <= at_least <= len(mine)):
        raise DefinitionError("scale_at_least", code, most=len(mine))
    return Scale(
        code, title, mine, reverse, cast(Literal["sum", "mean"], method), at_least, _bands(raw, code)
    )


def _bands(raw: dict[str, Any], code: str) -> tuple[Band, ...]:
    found = []
    for one in ext.all_of(raw, "band"):
        low, high, title = ext.value(one, "low"), ext.value(one, "high"), ext.value(one, "title")
        if not isinstance(low, int | float) or not isinstance(high, int | float) or not title or low > high:
            raise DefinitionError("band", code)
        found.append(Band(float(low), float(high), title, ext.value(one, "says")))
    for before, after in pairwise(found):
        if after.low <= before.high:
            raise DefinitionError("bands_overlap", code, band=after.title)
    return tuple(found)


def read_rules(raw: dict[str, Any], items: tuple[Item, ...], scales: tuple[Scale, ...]) -> tuple[Rule, ...]:
    found = tuple(_rule(one, items, scales) for one in ext.all_of(raw, ext.RED_FLAG))
    codes = [one.code for one in found]
    twice = next((one for one in codes if codes.count(one) > 1), None)
    if twice is not None:
        raise DefinitionError("rule_twice", twice)
    return found


def _rule(raw: dict[str, Any], items: tuple[Item, ...], scales: tuple[Scale, ...]) -> Rule:
    code, title, says = (ext.value(raw, part) for part in ("code", "title", "says"))
    severity = ext.value(raw, "severity")
    if not code or not title or not says:
        raise DefinitionError("rule", code)
    if severity not in SEVERITIES:
        raise DefinitionError("rule_severity", code, severities=", ".join(SEVERITIES))
    when = tuple(_trigger(one, code, items, scales) for one in ext.all_of(raw, "when"))
    behaviour = ext.value(raw, "behavior")
    if not when or (len(when) > 1 and behaviour not in ("all", "any")):
        raise DefinitionError("rule_when", code)
    crisis = ext.value(raw, "crisis") is True
    return Rule(code, severity, title, says, when, behaviour != "any", crisis, ext.value(raw, "source"))


def _trigger(raw: dict[str, Any], code: str, items: tuple[Item, ...], scales: tuple[Scale, ...]) -> Trigger:
    on, of = ext.value(raw, "on"), ext.value(raw, "of")
    operator, value = ext.value(raw, "operator"), ext.value(raw, "value")
    item = next((one for one in items if one.link_id == of), None)
    scale = next((one for one in scales if one.code == of), None)
    if on not in ("answer", "total", "change") or operator not in OPERATORS or value is None:
        raise DefinitionError("rule_when", code)
    if (
        (item is None and scale is None)
        or (on == "answer" and item is None)
        or (on == "total" and scale is None)
    ):
        raise DefinitionError("rule_of", code, of=of)
    if on == "answer":
        check_value(cast(Item, item), operator, value, code)
    elif operator == "exists" or isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError("rule_number", code)
    elif item is not None and not (item.ordinals or item.type in NUMBERS):
        raise DefinitionError("rule_change", code, item=item.text[:20])
    return Trigger(on, of, operator, value)
