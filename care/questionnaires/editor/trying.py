"""Trying a questionnaire out: what is asked as one answers, what it scores, which red flags it would raise. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from care.questionnaires.definition import Definition, Item, asked
from care.questionnaires.editor.forms import Form
from care.questionnaires.flags import Flag, raised
from care.questionnaires.items import NUMBERS
from care.questionnaires.scoring import Score, scores


@dataclass(frozen=True, slots=True)
class Tried:
    """`asked`: the questions in order, each with how its channel puts it. `given`: what was filled in, as it was typed."""

    asked: list[tuple[Item, str]]
    given: dict[str, list[str]]
    scores: list[Score]
    flags: list[Flag]
    doubted: frozenset[str]


def tried(definition: Definition, form: Form, speak: Any, channel: str) -> Tried:
    """`form` holds answers under `t_<link id>`, and under `o_<link id>` what stands beside the choices."""
    given = {one.link_id: form.rows(f"t_{one.link_id}") for one in definition.items}
    answers: dict[str, Any] = {}
    for item in definition.items:
        value = _typed(item, given[item.link_id], form.text(f"o_{item.link_id}"))
        if value is not None:
            answers[item.link_id] = value
    now = asked(definition, answers)
    complete = all(one.link_id in answers or not one.required for one in now) and bool(answers)
    doubted = frozenset(one.link_id for one in now if _implausible(one, answers.get(one.link_id)))
    return Tried(
        asked=[(one, speak(definition, one, channel)) for one in now],
        given=given | {f"o_{one.link_id}": [form.text(f"o_{one.link_id}")] for one in definition.items},
        scores=list(scores(definition, answers).values()),
        flags=raised(definition, answers, finished=complete),
        doubted=doubted,
    )


def _typed(item: Item, given: list[str], other: str) -> Any:
    values = [one for one in given if one]
    if item.choices:
        found: list[Any] = [one for one in values if any(choice.code == one for choice in item.choices)]
        if other and item.type == "open-choice":
            found.append({"other": other})
        return (found or None) if item.repeats else (found[0] if found else None)
    if not values:
        return None
    if item.type == "boolean":
        return values[0] == "true"
    if item.type in NUMBERS:
        try:
            number = float(values[0])
        except ValueError:
            return None
        return int(number) if item.type == "integer" else number
    return values[0]


def _implausible(item: Item, value: Any) -> bool:
    """Outside the plausible range: in chat it is asked back."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (item.minimum is not None and value < item.minimum) or (
        item.maximum is not None and value > item.maximum
    )
