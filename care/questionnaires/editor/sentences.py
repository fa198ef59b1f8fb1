"""Conditions as sentences to choose from: "“发烧吗？” 答“是”", "总分不低于", and back into the definition's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from care.questionnaires.errors import DefinitionError, words
from care.questionnaires.items import NUMBERS
from care.questionnaires.parts import Item, Scale, Trigger

Offer = tuple[str, str]
"""What a choice sends, and what it says."""
ORDER = (">=", ">", "<=", "<", "=")
SHORT = 24
"""How much of a question a sentence quotes."""


def _key(on: str, of: str, operator: str, value: Any = None) -> str:
    return json.dumps([on, of, operator, value], ensure_ascii=False)


def _said(kind: str, what: str, **more: object) -> str:
    return words()("sentences", kind, what=what if len(what) <= SHORT else f"{what[:SHORT]}…", **more)


def answers(items: Iterable[Item]) -> list[Offer]:
    """What an answer may be, none at all included."""
    found: list[Offer] = []
    for item in items:
        if item.type == "boolean":
            found += [
                (_key("answer", item.link_id, "=", one), _said("true" if one else "false", item.text))
                for one in (True, False)
            ]
        elif item.choices:
            for operator, kind in (("=", "is"), ("!=", "is_not")):
                found += [
                    (
                        _key("answer", item.link_id, operator, one.code),
                        _said(kind, item.text, label=one.label),
                    )
                    for one in item.choices
                ]
        elif item.type in NUMBERS:
            found += [
                (_key("answer", item.link_id, one), _said("number", item.text, order=words()("orders", one)))
                for one in ORDER
            ]
        found.append((_key("answer", item.link_id, "exists", False), _said("silent", item.text)))
        found.append((_key("answer", item.link_id, "exists", True), _said("spoken", item.text)))
    return found


def triggers(items: Iterable[Item], scales: Iterable[Scale]) -> list[Offer]:
    """What a red flag may look at: answers, points, totals, and how they changed."""
    items, scales = list(items), list(scales)
    found = answers(items)
    pointed = [one for one in items if one.ordinals]
    found += [
        (_key("answer", item.link_id, one), _said("points", item.text, order=words()("orders", one)))
        for item in pointed
        for one in (">=", "<=")
    ]
    found += [
        (_key("total", scale.code, one), _said("total", scale.title, order=words()("orders", one)))
        for scale in scales
        for one in ORDER
    ]
    changing = [(one.link_id, one.text) for one in items if one.ordinals or one.type in NUMBERS]
    changing += [(one.code, one.title) for one in scales]
    found += [
        (_key("change", of, operator), _said(kind, text))
        for of, text in changing
        for operator, kind in ((">=", "rose"), ("<=", "fell"))
    ]
    return found


def with_given(offers: list[Offer], given: Iterable[tuple[str, str]]) -> list[Offer]:
    """`offers`, and what stands in the definition without being one of them (it may come from elsewhere): saving keeps it."""
    known = {key for key, _ in offers}
    return offers + [
        (key, words()("sentences", "other", key=key)) for key, _ in given if key and key not in known
    ]


def chosen(trigger: Trigger) -> tuple[str, str]:
    """The choice that says it, and the number beside it."""
    return chosen_of(trigger.on, trigger.of, trigger.operator, trigger.value)


def chosen_of(on: str, of: str, operator: str, value: Any) -> tuple[str, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _key(on, of, operator), f"{-value if on == 'change' and operator == '<=' else value:g}"
    return _key(on, of, operator, value), ""


def read(key: str, number: str, where: str) -> tuple[str, str, str, Any]:
    """(on, of, operator, value) of a choice. Raises `DefinitionError` where the number is missing or none."""
    try:
        on, of, operator, value = json.loads(key)
    except (ValueError, TypeError) as error:
        raise DefinitionError("rule_when", where) from error
    if value is not None:
        return str(on), str(of), str(operator), value
    try:
        amount = float(number)
    except ValueError as error:
        raise DefinitionError("not_a_number", where, value=number) from error
    plain = int(amount) if amount.is_integer() else amount
    return str(on), str(of), str(operator), -plain if on == "change" and operator == "<=" else plain


def as_enable(key: str, number: str, where: str) -> dict[str, Any]:
    """A FHIR `enableWhen`."""
    _, of, operator, value = read(key, number, where)
    if isinstance(value, bool):
        answer: dict[str, Any] = {"answerBoolean": value}
    elif isinstance(value, str):
        answer = {"answerCoding": {"code": value}}
    else:
        answer = {"answerInteger" if isinstance(value, int) else "answerDecimal": value}
    return {"question": of, "operator": operator, **answer}


def as_trigger(key: str, number: str, where: str) -> dict[str, Any]:
    """The `when` part of our red-flag extension."""
    on, of, operator, value = read(key, number, where)
    kind = {bool: "valueBoolean", str: "valueString", int: "valueInteger", float: "valueDecimal"}[type(value)]
    parts = [
        {"url": "on", "valueCode": on},
        {"url": "of", "valueString": of},
        {"url": "operator", "valueString": operator},
        {"url": "value", kind: value},
    ]
    return {"url": "when", "extension": parts}


def say_rule(when: Iterable[Trigger], every: bool, offers: Iterable[Offer]) -> str:
    """A rule's conditions as one sentence."""
    known = dict(offers)
    said = []
    for one in when:
        key, number = chosen(one)
        said.append(known.get(key, one.of).replace(words()("sentences", "blank"), f" {number}"))
    return words()("sentences", "and" if every else "or").join(said)
