"""Conditions that can never hold together, as far as the rule alone shows it."""

from __future__ import annotations

from collections.abc import Iterator

from content.audiences import rules
from content.audiences.rules import Path

EVERY_SEX = frozenset({"male", "female", "other", "unknown"})


def contradictions(rule: rules.Group) -> Iterator[tuple[Path, str]]:
    """Where, and the key of `why`: for each set of rules that must hold together."""
    yield from _within(rule, ())


def _within(rule: rules.Rule, path: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(rule, rules.Group):
        return
    if rule.kind == "all":
        if (reason := _clash(list(_together(rule)))) is not None:
            yield path, reason
            return  # what is below repeats it
    elif rule.kind == "not" and any(isinstance(one, rules.Everyone) and not one.negate for one in rule.rules):
        yield path, "nobody"
    for place, one in enumerate(rule.rules):
        yield from _within(one, (*path, place))


def _together(group: rules.Group) -> Iterator[rules.AnyLeaf]:
    """The leaves that all must hold: of the group, and of groups of the same kind in it."""
    for one in group.rules:
        if not isinstance(one, rules.Group):
            yield one
        elif one.kind == "all":
            yield from _together(one)


def _clash(leaves: list[rules.AnyLeaf]) -> str | None:
    sexes, low, high = EVERY_SEX, 0, 200
    for one in leaves:
        if isinstance(one, rules.Sex) and one.among:
            sexes &= EVERY_SEX - set(one.among) if one.negate else frozenset(one.among)
        if isinstance(one, rules.Age) and not one.negate:
            low = max(low, one.at_least or 0)
            high = min(high, 200 if one.at_most is None else one.at_most)
        if isinstance(one, rules.Everyone) and one.negate:
            return "nobody"
    if not sexes:
        return "sex"
    if low > high:
        return "age"
    if "female" not in sexes and any(isinstance(one, rules.Gestation) and not one.negate for one in leaves):
        return "pregnancy"
    turned = [one.model_copy(update={"negate": not one.negate}) for one in leaves]
    return "turned" if any(one in leaves for one in turned) else None
