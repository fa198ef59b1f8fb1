"""A rule as its form holds it: the tree as one hidden field, the values of its leaves as fields of their own.

A field is named `v.<path>.<name>`, a path being positions joined by `-`. Whatever is clicked, the values are read first, so that
nothing typed is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from content.audiences import rules
from content.audiences.building import said_path
from content.audiences.data import load
from content.audiences.rules import Group, Path, Rule
from content.audiences.vocabulary import Vocabulary

LONGEST = 40_000
"""Characters of a sent rule that are read at all."""


class Sent(Protocol):
    """A sent form."""

    def getlist(self, key: Any) -> list[Any]: ...


def received(form: Sent, words: Vocabulary) -> Group:
    """The tree of the form with the values of its fields. Raises `rules.RuleError` when it is none of ours."""
    raw = next(iter(form.getlist("rule")), "")
    if not isinstance(raw, str) or len(raw) > LONGEST:
        raise rules.RuleError("no rule was sent, or one too long")
    try:
        tree = rules.read(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise rules.RuleError(str(error)) from error
    filled = _filled(tree, (), form, words)
    assert isinstance(filled, Group)
    return filled


def _filled(rule: Rule, path: Path, form: Sent, words: Vocabulary) -> Rule:
    if isinstance(rule, Group):
        kind = _one(form, path, "kind") or rule.kind
        inner = [_filled(one, (*path, place), form, words) for place, one in enumerate(rule.rules)]
        known = kind in ("all", "any", "not")
        return rule.model_copy(update={"rules": inner, "kind": kind if known else rule.kind})
    fields = load("form")["fields"][rule.kind]
    if _one(form, path, "negate") is None:  # not on this page
        return rule
    values: dict[str, Any] = {"negate": _one(form, path, "negate") == "yes"}
    for name, about in fields.items():
        values[name] = _value(rule, path, name, about, form, words)
    return _made(rule, values)


def _value(rule: Any, path: Path, name: str, about: Mapping[str, Any], form: Sent, words: Vocabulary) -> Any:
    sent = [one.strip() for one in form.getlist(f"v.{said_path(path)}.{name}") if isinstance(one, str)]
    match about["as"]:
        case "number":
            return _number(sent[0], getattr(rule, name), about["most"]) if sent else None
        case "one":
            return sent[0] if sent else getattr(rule, name)
        case "checks":
            return _unique(sent)
        case _:
            added = form.getlist(f"v.{said_path(path)}.{name}.add")
            names = options(about["from"], words, rule)
            fresh = [code for text in added if isinstance(text, str) for code in _coded(text, names, about)]
            return _unique([*sent, *fresh])


def _number(text: str, before: int | None, most: int) -> int | None:
    """What was typed; what is no number leaves what was there."""
    if not text:
        return None
    try:
        return max(0, min(most, int(text)))
    except ValueError:
        return before


def _coded(text: str, names: Mapping[str, str], about: Mapping[str, Any]) -> list[str]:
    """The codes somebody typed or picked: `E11 2型糖尿病`, `2型糖尿病`, `e11、i10`."""
    if (whole := text.strip()) in names or about["from"] == "tags":
        return [whole[:40]] if whole else []
    by_name = {name: code for code, name in names.items()}
    found = []
    for part in whole.replace("，", "、").replace(",", "、").replace("；", "、").split("、"):
        one = part.strip()
        if one:
            code = by_name.get(one) or one.split()[0]
            found.append((code if code in names else code.upper().replace("X", "x"))[:40])
    return found


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one for one in values if one))[:30]


def _one(form: Sent, path: Path, name: str) -> str | None:
    sent = form.getlist(f"v.{said_path(path)}.{name}")
    return sent[0] if sent and isinstance(sent[0], str) else None


def _made(rule: Rule, values: dict[str, Any]) -> Rule:
    """The leaf with these values; what does not fit leaves it as it was."""
    match rule:
        case rules.Answer() if values["questionnaire"] != rule.questionnaire:
            values |= {"item": "", "codes": []}
        case rules.Answer() if values["item"] != rule.item:
            values["codes"] = []
        case rules.Event() if "surgery" not in values["event"]:
            values["codes"] = []
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return type(rule).model_validate({"kind": rule.kind, **given})
    except ValidationError:
        return rule


def options(name: str, words: Vocabulary, leaf: Any = None) -> Mapping[str, str]:
    """Code → name of what a field offers."""
    if name == "hows":
        return dict(load("form")["hows"])
    if name == "questionnaires":
        return {key: one.title for key, one in words.questionnaires.items()}
    if name in ("items", "choices"):
        asked = words.questionnaires.get(leaf.questionnaire) if leaf is not None else None
        if asked is None:
            return {}
        return asked.items if name == "items" else asked.choices.get(leaf.item, {})
    found: Mapping[str, str] = getattr(words, name)
    return found
