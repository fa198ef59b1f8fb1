"""What one clicks while a rule is put together: adding, grouping, taking away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from content.audiences import rules
from content.audiences.rules import LEAVES, Group, Path, Rule


@dataclass(frozen=True, slots=True)
class Clicked:
    """The tree after a click. `at`: the node to go on with; `undo`: what was there before, where something was taken away.

    `full`: it was not added, the tree is as large as it may get."""

    rule: Group
    at: Path | None = None
    undo: Group | None = None
    full: bool = False


def parse_path(text: str) -> Path:
    """Raises `ValueError`."""
    return tuple(int(one) for one in text.split("-")) if text else ()


def said_path(path: Path) -> str:
    return "-".join(map(str, path))


def node(rule: Group, path: Path) -> Rule:
    """Raises `LookupError` when there is none."""
    found: Rule = rule
    for place in path:
        if not isinstance(found, Group) or not 0 <= place < len(found.rules):
            raise LookupError(path)
        found = found.rules[place]
    return found


def _changed(rule: Group, path: Path, change: Callable[[list[Rule], int], None]) -> Group:
    """The tree with the list that holds the node at `path` changed."""
    within = list(rule.rules)
    if len(path) == 1:
        change(within, path[0])
    else:
        inner = within[path[0]]
        assert isinstance(inner, Group)
        within[path[0]] = _changed(inner, path[1:], change)
    return rule.model_copy(update={"rules": within})


def _put(rule: Group, path: Path, new: Rule) -> Group:
    if not path:
        assert isinstance(new, Group)
        return new
    return _changed(rule, path, lambda within, place: within.__setitem__(place, new))


def click(rule: Group, do: str) -> Clicked:
    """`add|<path>|<kind>`, `group|<path>|<all,any,not>`, `remove|<path>`, `drop|<path>|<field>|<value>`; else nothing changes.

    A path that is not there any more changes nothing."""
    what, _, rest = do.partition("|")
    try:
        path, _, rest = rest.partition("|")
        return _CLICKS[what](rule, parse_path(path), rest)
    except (LookupError, ValueError):
        return Clicked(rule)


def _grown(rule: Group, path: Path, new: Rule) -> Clicked:
    group = node(rule, path)
    if not isinstance(group, Group):
        raise LookupError(path)
    bigger = _put(rule, path, group.model_copy(update={"rules": [*group.rules, new]}))
    if sum(1 for _ in rules.nodes(bigger)) > rules.MOST_NODES or rules.depth(bigger) > rules.DEEPEST:
        return Clicked(rule, full=True)
    return Clicked(bigger, (*path, len(group.rules)))


def _add(rule: Group, path: Path, kind: str) -> Clicked:
    return _grown(rule, path, LEAVES[kind]())  # type: ignore[arg-type]  # every kind of LEAVES is one of AnyLeaf


def _group(rule: Group, path: Path, kind: str) -> Clicked:
    return _grown(rule, path, Group(kind="any" if kind == "any" else "not" if kind == "not" else "all"))


def _remove(rule: Group, path: Path, _rest: str) -> Clicked:
    node(rule, path)
    if not path:
        return Clicked(Group(), (), rule)
    return Clicked(_changed(rule, path, lambda within, place: within.__delitem__(place)), path[:-1], rule)


def _drop(rule: Group, path: Path, rest: str) -> Clicked:
    name, _, value = rest.partition("|")
    leaf = node(rule, path)
    kept = [one for one in getattr(leaf, name, []) if one != value]
    return Clicked(_put(rule, path, leaf.model_copy(update={name: kept})), path)


_CLICKS: dict[str, Callable[[Group, Path, str], Clicked]] = {
    "add": _add,
    "group": _group,
    "remove": _remove,
    "drop": _drop,
}
