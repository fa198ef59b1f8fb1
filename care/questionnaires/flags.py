"""Red flags: the rules of a definition that hold for what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from care.questionnaires.comparing import compared, holds
from care.questionnaires.definition import asked
from care.questionnaires.parts import Answers, Definition, Item, Rule, Severity, Trigger
from care.questionnaires.scoring import points, scores


@dataclass(frozen=True, slots=True)
class Flag:
    """A rule that holds. `title` is for staff; `says`: wording key of what the patient hears at once.

    `link_id`: the item whose answer raised it, the last in order where it took several; None: a total.
    """

    rule: str
    severity: Severity
    title: str
    says: str
    link_id: str | None
    crisis: bool


@dataclass(frozen=True, slots=True)
class _Known:
    items: dict[str, Item]
    answers: Answers
    totals: Mapping[str, float]
    before: Answers
    totals_before: Mapping[str, float]
    finished: bool


def raised(
    definition: Definition,
    answers: Answers,
    *,
    before: Mapping[str, Any] | None = None,
    finished: bool,
) -> list[Flag]:
    """Every rule that holds now, most pressing first; who calls keeps to one alert a rule and response.

    Rules on totals, on their change, and on what was *not* answered count once `finished`. `before`: the answers of the patient's
    response before to the same questionnaire, and, where they are known, its totals by scale.
    """
    past = before or {}
    known = _Known(
        items={one.link_id: one for one in asked(definition, answers)},
        answers=answers,
        totals=_totals(definition, answers) if finished else {},
        before=past,
        totals_before=_totals(definition, past) if finished and past else {},
        finished=finished,
    )
    found = [flag for rule in definition.flags if (flag := _raised(rule, known)) is not None]
    return sorted(found, key=lambda one: ("emergency", "urgent", "soon").index(one.severity))


def _raised(rule: Rule, known: _Known) -> Flag | None:
    held = [one for one in rule.when if _holds(one, known)]
    if not held or (rule.every and len(held) < len(rule.when)):
        return None
    order = list(known.items)
    places = [order.index(one.of) for one in held if one.of in known.items]
    link_id = order[max(places)] if places else None
    return Flag(rule.code, rule.severity, rule.title, rule.says, link_id, rule.crisis)


def _holds(trigger: Trigger, known: _Known) -> bool:
    if trigger.on == "total":
        total = known.totals.get(trigger.of)
        return total is not None and compared(total, trigger.operator, trigger.value)
    if trigger.on == "change":
        change = _change(trigger.of, known)
        return change is not None and compared(change, trigger.operator, trigger.value)
    item = known.items.get(trigger.of)
    if item is None or (trigger.operator == "exists" and not trigger.value and not known.finished):
        return False
    return holds(item, known.answers.get(item.link_id), trigger.operator, trigger.value)


def _change(of: str, known: _Known) -> float | None:
    """By how much an item's number or points, or a scale's total, grew since the response before."""
    item = known.items.get(of)
    if item is not None:
        now, then = points(item, known.answers.get(of)), points(item, known.before.get(of))
    else:
        now, then = known.totals.get(of), known.totals_before.get(of)
    return None if now is None or then is None else now - then


def _totals(definition: Definition, answers: Mapping[str, Any]) -> dict[str, float]:
    """The totals of `answers`; what is given beside them by scale wins."""
    found = {code: one.value for code, one in scores(definition, answers).items()}
    given = {one.code: answers.get(one.code) for one in definition.scales}
    return found | {
        code: float(value)
        for code, value in given.items()
        if isinstance(value, int | float) and value is not True
    }
