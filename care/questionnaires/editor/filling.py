"""What the builder's forms show: a part of the draft, or what was just sent, so that nothing typed is lost."""

from __future__ import annotations

from typing import Any

from care.questionnaires import extensions as ext
from care.questionnaires.definition import DefinitionError, Item
from care.questionnaires.editor import sentences, tree
from care.questionnaires.editor.desk import heard
from care.questionnaires.editor.forms import SPARE, UNITS, Form, Row, item_values, parts_of
from care.questionnaires.editor.tree import Raw
from care.questionnaires.items import NUMBERS, read_items
from care.questionnaires.parts import Scale
from care.questionnaires.rules import read_rules, read_scales

Conditions = list[tuple[str, str]]


def item_page(raw: Raw, entry: Raw, form: Form | None) -> dict[str, Any]:
    """The form of an item or a group, from the draft or (`form`) from what was sent."""
    link_id = str(entry.get("linkId") or "")
    values = item_values(entry)
    items = _items(raw)
    earlier = _before(raw, link_id, items)
    own = next((one for one in items if one.link_id == link_id), None)
    conditions = _conditions(entry) if form is None else _sent_conditions(form)
    group = tree.parent_of(raw, link_id)
    any_of = entry.get("enableBehavior") == "any"
    if form is not None:
        any_of, group = form.text("when_any") == "any", form.text("group")
        values |= {
            name: form.text(name)
            for name in ("text", "type", "why", "prefill", "pair", "unit", "low", "high", "lowest", "highest")
        }
        values |= {name: form.on(name) for name in ("required", "repeats")}
        values["choices"] = _sent_choices(form)
    offers = sentences.with_given(sentences.answers(earlier), conditions)
    units = UNITS | (
        {values["unit"]: values["unit"]} if values["unit"] and values["unit"] not in UNITS else {}
    )
    return {
        "value": values,
        "new": not link_id,
        "own": own,
        "is_group": values["type"] == "group",
        "choices": [*values["choices"], *[Row()] * (SPARE if values["choices"] else SPARE + 2)],
        "conditions": _with_blanks(conditions, 1),
        "any_of": any_of,
        "offers": offers,
        "groups": [(str(one["linkId"]), str(one.get("text") or one["linkId"])) for one in tree.groups(raw)],
        "group": group,
        "pairs": [(one.link_id, one.text) for one in items if one.type in NUMBERS and one.link_id != link_id],
        "units": units,
    }


def scale_page(raw: Raw, code: str, form: Form | None) -> dict[str, Any]:
    """The form of a scale."""
    items = [one for one in _items(raw) if one.ordinals or one.type in NUMBERS]
    part = next((one for one in parts_of(raw, ext.SCALE) if ext.value(one, "code") == code), {})
    bands = [
        Row({name: _plain(ext.value(one, name)) for name in ("low", "high", "title", "says")})
        for one in ext.all_of(part, "band")
    ]
    values: dict[str, Any] = {
        "title": ext.value(part, "title") or "",
        "method": ext.value(part, "method") or "sum",
        "at_least": _plain(ext.value(part, "at-least")),
        "items": ext.values(part, "item") if part else tuple(one.link_id for one in items if one.ordinals),
        "reverse": ext.values(part, "reverse"),
    }
    if form is not None:
        values = {name: form.text(name) for name in ("title", "method", "at_least")}
        values |= {name: form.rows(name) for name in ("items", "reverse")}
        names = ("low", "high", "title", "says")
        rows = zip(*(form.rows(f"band_{name}") for name in names), strict=False)
        bands = [Row(dict(zip(names, one, strict=True))) for one in rows if any(one)]
    return {"value": values, "code": code, "items": items, "bands": [*bands, *[Row()] * SPARE]}


def rule_page(raw: Raw, code: str, form: Form | None) -> dict[str, Any]:
    """The form of a red-flag rule."""
    items = _items(raw)
    scales = _scales(raw, items)
    part = next((one for one in parts_of(raw, ext.RED_FLAG) if ext.value(one, "code") == code), {})
    names = ("title", "severity", "says", "source")
    values = {name: str(ext.value(part, name) or "") for name in names}
    crisis, any_of = ext.value(part, "crisis") is True, ext.value(part, "behavior") == "any"
    conditions = _triggers(raw, code, items, scales)
    if form is not None:
        values = {name: form.text(name) for name in names}
        crisis, any_of = form.on("crisis"), form.text("when_any") == "any"
        conditions = _sent_conditions(form)
    return {
        "value": values,
        "code": code,
        "crisis": crisis,
        "any_of": any_of,
        "conditions": _with_blanks(conditions, SPARE),
        "offers": sentences.with_given(sentences.triggers(items, scales), conditions),
        "heard": heard() | ({values["says"]: values["says"]} if values["says"] not in ("", *heard()) else {}),
    }


def _items(raw: Raw) -> tuple[Item, ...]:
    """The questions as far as they can be read: one that is wrong does not keep another from being mended."""
    found: list[Item] = []
    for _, entry in tree.walk(raw):
        if entry.get("type") == "group":
            continue
        try:
            bare = {key: value for key, value in entry.items() if key not in ("enableWhen", "enableBehavior")}
            kept = [one for one in bare.get("extension") or [] if one.get("url") != ext.PAIR]
            found += read_items({"item": [bare | {"extension": kept}]})
        except DefinitionError:
            continue
    return tuple(found)


def _scales(raw: Raw, items: tuple[Item, ...]) -> tuple[Scale, ...]:
    try:
        return read_scales(raw, items)
    except DefinitionError:
        return ()


def _before(raw: Raw, link_id: str, items: tuple[Item, ...]) -> list[Item]:
    """The questions asked before it: all of them for a new one."""
    order = [str(entry.get("linkId")) for _, entry in tree.walk(raw)]
    at = order.index(link_id) if link_id in order else len(order)
    return [one for one in items if one.link_id in order[:at]]


def _conditions(entry: Raw) -> Conditions:
    found: Conditions = []
    for one in entry.get("enableWhen") or []:
        value = next((value for key, value in one.items() if key.startswith("answer")), None)
        value = value.get("code") if isinstance(value, dict) else value
        found.append(sentences.chosen_of("answer", str(one.get("question")), str(one.get("operator")), value))
    return found


def _triggers(raw: Raw, code: str, items: tuple[Item, ...], scales: tuple[Scale, ...]) -> Conditions:
    mine = [one for one in parts_of(raw, ext.RED_FLAG) if ext.value(one, "code") == code]
    try:
        rules = read_rules({"extension": mine}, items, scales)
    except DefinitionError:
        return []
    return [sentences.chosen(one) for rule in rules for one in rule.when]


def _sent_conditions(form: Form) -> Conditions:
    return [one for one in zip(form.rows("when"), form.rows("when_number"), strict=False) if any(one)]


def _sent_choices(form: Form) -> list[Row]:
    only = set(form.rows("choice_only"))
    rows = zip(form.rows("choice_code"), form.rows("choice_label"), form.rows("choice_points"), strict=False)
    return [
        Row({"code": code, "label": label, "points": points, "only": "on" if str(at) in only else ""})
        for at, (code, label, points) in enumerate(rows)
        if label
    ]


def _with_blanks(conditions: Conditions, spare: int) -> Conditions:
    return [*conditions, *[("", "")] * spare]


def _plain(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)
