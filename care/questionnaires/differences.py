"""What sets two states of a questionnaire apart, each change said in a sentence: of meaning, or of wording only.

Meaning is what makes an answer, a score or a red flag another one: items and their order, types, codes, points, ranges, conditions,
scales, bands' borders, rules, and to whom and how it goes. Texts, labels, reasons and sources are wording.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from care.questionnaires.errors import words
from care.questionnaires.parts import Choice, Definition, Item, Rule, Scale


class _HasCode(Protocol):
    @property
    def code(self) -> str: ...


T = TypeVar("T")
C = TypeVar("C", bound=_HasCode)

_DEFINITION = {
    "meaning": ("channels", "shows_result", "purpose"),
    "wording": ("title", "intro", "minutes", "copyright", "sources"),
}
_ITEM = {
    "meaning": (
        *("type", "required", "repeats", "unit_code", "pair", "prefill", "minimum", "maximum", "lowest"),
        *("highest", "enable", "enable_all", "gates"),
    ),
    "wording": ("text", "why", "group", "unit"),
}
_CHOICE = {"meaning": ("ordinal", "exclusive"), "wording": ("label",)}
_SCALE = {"meaning": ("items", "reverse", "method", "at_least"), "wording": ("title",)}
_RULE = {"meaning": ("severity", "says", "when", "every", "crisis"), "wording": ("title", "source")}


@dataclass(frozen=True, slots=True)
class Difference:
    meaning: bool
    said: str


def differences(before: Definition, after: Definition) -> list[Difference]:
    """Changes of meaning first."""
    found = [
        *_fields("definition", "", before, after, _DEFINITION),
        *_items(before.items, after.items),
        *_by_code("scale", _coded(before.scales), _coded(after.scales), _scale),
        *_by_code("rule", _coded(before.flags), _coded(after.flags), _rule),
    ]
    return sorted(found, key=lambda one: not one.meaning)


def _items(before: tuple[Item, ...], after: tuple[Item, ...]) -> Iterator[Difference]:
    old, new = ({one.link_id: one for one in items} for items in (before, after))
    yield from _by_code("item", old, new, _item)
    if [one for one in old if one in new] != [one for one in new if one in old]:
        yield Difference(True, words()("changes", "order"))


def _item(link_id: str, old: Item, new: Item) -> Iterator[Difference]:
    yield from _fields("item", link_id, old, new, _ITEM)

    def choice(code: str, one: Choice, other: Choice) -> Iterator[Difference]:
        yield from _fields("choice", f"{link_id} · {code}", one, other, _CHOICE)

    yield from _by_code("choice", _coded(old.choices), _coded(new.choices), choice, within=f"{link_id} · ")


def _scale(code: str, old: Scale, new: Scale) -> Iterator[Difference]:
    yield from _fields("scale", code, old, new, _SCALE)
    borders = [[(one.low, one.high) for one in scale.bands] for scale in (old, new)]
    if borders[0] != borders[1]:
        yield _said("scale", code, "borders", meaning=True)
    elif old.bands != new.bands:
        yield _said("scale", code, "bands", meaning=False)


def _rule(code: str, old: Rule, new: Rule) -> Iterator[Difference]:
    yield from _fields("rule", code, old, new, _RULE)


def _fields(
    kind: str, where: str, old: Any, new: Any, fields: Mapping[str, tuple[str, ...]]
) -> Iterator[Difference]:
    for group, names in fields.items():
        for name in names:
            if getattr(old, name) != getattr(new, name):
                yield _said(kind, where, name, meaning=group == "meaning")


def _by_code(
    kind: str, old: Mapping[str, T], new: Mapping[str, T], within_both: Any, within: str = ""
) -> Iterator[Difference]:
    """What is gone, what is new, and `within_both` of what is in both."""
    for code in old:
        if code not in new:
            yield Difference(
                True, words()("changes", "gone", what=words()("kinds", kind), where=within + code)
            )
    for code, one in new.items():
        if code not in old:
            yield Difference(
                True, words()("changes", "new", what=words()("kinds", kind), where=within + code)
            )
        else:
            yield from within_both(code, old[code], one)


def _said(kind: str, where: str, field: str, *, meaning: bool) -> Difference:
    what, name = words()("kinds", kind), words()("fields", field)
    return Difference(
        meaning, words()("changes", "field" if where else "own", what=what, where=where, field=name)
    )


def _coded(entries: tuple[C, ...]) -> dict[str, C]:
    return {one.code: one for one in entries}
