"""A rule as its pages show it: nodes with their fields, problems beside them, explanations in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from content.audiences.building import said_path
from content.audiences.check import Problem
from content.audiences.data import load
from content.audiences.explain import Explained
from content.audiences.form import options
from content.audiences.rules import LEAVES, MOST_NODES, Answer, Event, Group, Leaf, Path, Reading, Rule, nodes
from content.audiences.sentence import phrase, said_code, say_fact
from content.audiences.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class FieldView:
    """`chosen` (code, words) of what is set; `offered` of what may be added. `wrong`: problems, `blocks` or not."""

    name: str
    id: str
    about: Mapping[str, Any]
    value: Any
    chosen: Sequence[tuple[str, str]]
    offered: Sequence[tuple[str, str]]
    wrong: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class NodeView:
    """`path` as forms write it. `wrong`: problems of the node itself."""

    path: str
    id: str
    kind: str
    title: str
    negate: bool
    fields: Sequence[FieldView]
    inner: Sequence[NodeView]
    wrong: Sequence[Problem]
    first: bool
    """To be focused: it is what the last click made."""


def tree_view(
    rule: Rule, words: Vocabulary, problems: Sequence[Problem], at: Path | None = None, path: Path = ()
) -> NodeView:
    """The node and all under it."""
    mine = [one for one in problems if one.path == path]
    text = said_path(path)
    group = isinstance(rule, Group)
    fields = [] if group else _fields(rule, text, words, mine)
    named = {one.name for one in fields}
    return NodeView(
        path=text,
        id=f"n-{text}" if path else "n",
        kind=rule.kind,
        title=load("form")["groups" if group else "kinds"][rule.kind],
        negate=isinstance(rule, Leaf) and rule.negate,
        fields=fields,
        inner=[tree_view(one, words, problems, at, (*path, n)) for n, one in enumerate(rule.rules)]
        if isinstance(rule, Group)
        else [],
        wrong=[one for one in mine if one.name not in named],
        first=at == path and bool(path),
    )


def _fields(leaf: Any, path: str, words: Vocabulary, problems: Sequence[Problem]) -> list[FieldView]:
    found = []
    for name, about in load("form")["fields"][leaf.kind].items():
        names = {} if about["as"] == "number" else options(about["from"], words, leaf)
        value = getattr(leaf, name)
        chosen = [(one, _named(about, names, one)) for one in value] if isinstance(value, list) else []
        if about["as"] == "choose" and not names and not chosen:
            continue  # nothing to choose from: no articles yet, a question without choices
        if not chosen and not _matters(leaf, name, words):
            continue
        wrong = [one for one in problems if one.name == name]
        offered = [
            (code, said) for code, said in names.items() if about["as"] != "choose" or code not in value
        ]
        found.append(FieldView(name, f"v.{path}.{name}", about, value, chosen, offered, wrong))
    return found


def _matters(leaf: Any, name: str, words: Vocabulary) -> bool:
    """Whether the field says anything beside what is chosen in the others; choosing shows the form anew."""
    match leaf, name:
        case Answer(), "at_least" | "at_most":
            return not options("choices", words, leaf)
        case Event(), "codes":
            return leaf.event in ("surgery", "planned_surgery")
        case Reading(), "grace":
            return leaf.how == "ignored"
    return True


def _named(about: Mapping[str, Any], names: Mapping[str, str], code: str) -> str:
    if about["as"] == "codes" and about["from"] != "tags":
        return said_code(names, code)
    return names.get(code, code)


def kinds(rule: Group) -> list[tuple[str, str]]:
    """The conditions that can still be added; none when the tree is full."""
    full = sum(1 for _ in nodes(rule)) >= MOST_NODES
    return [] if full else [(kind, load("form")["kinds"][kind]) for kind in LEAVES]


# --- why ---


@dataclass(frozen=True, slots=True)
class ReasonView:
    """A node of an explanation in words."""

    said: str
    holds: bool
    facts: Sequence[str]
    inner: Sequence[ReasonView]


def reason_view(node: Explained, words: Vocabulary) -> ReasonView:
    """The explanation with the rule's words and the record's facts."""
    title = (
        load("form")["groups"][node.rule.kind] if isinstance(node.rule, Group) else phrase(node.rule, words)
    )
    facts = []
    for fact in node.facts:
        values = dict(fact.values)
        if fact.key == "answer" and isinstance(node.rule, Answer) and values["code"] is not None:
            values["answer"] = options("choices", words, node.rule).get(values["code"], values["code"])
        facts.append(say_fact(fact.key, values, words))
    return ReasonView(title, node.holds, facts, [reason_view(one, words) for one in node.parts])
