"""What a stage of care means: a rule over the other leaves, from `data/seed/audiences/stages.yml`."""

from __future__ import annotations

from functools import cache

from content.audiences.data import load
from content.audiences.rules import Diagnosis, Group, Rule, Stage, read


@cache
def _definitions() -> dict[str, Group]:
    return {key: read(entry["rule"]) for key, entry in load("stages").items()}


def names() -> dict[str, str]:
    """The stages a rule may ask for, with their words."""
    return {key: str(entry["name"]) for key, entry in load("stages").items()}


def meaning(leaf: Stage) -> Group:
    """What the leaf asks for, not turned round. Raises `KeyError` for a stage nobody has defined."""
    tree = _definitions()[leaf.stage]
    return _narrowed(tree, leaf.codes) if leaf.codes else tree


def _narrowed(tree: Group, codes: list[str]) -> Group:
    return tree.model_copy(update={"rules": [_narrow(one, codes) for one in tree.rules]})


def _narrow(one: Rule, codes: list[str]) -> Rule:
    if isinstance(one, Group):
        return _narrowed(one, codes)
    return one.model_copy(update={"codes": codes}) if isinstance(one, Diagnosis) and not one.codes else one
