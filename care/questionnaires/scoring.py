"""Scores: the points of answers summed or averaged over each scale of a definition, and the band a value lies in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from care.questionnaires.definition import asked
from care.questionnaires.parts import Answers, Band, Definition, Item, Scale

TOTAL = "total"
"""The scale that is a questionnaire's score."""


@dataclass(frozen=True, slots=True)
class Score:
    """`band` is for staff, `says` for the patient, where the definition lets results be shown."""

    scale: str
    title: str
    value: float
    band: str | None
    says: str | None


def scores(definition: Definition, answers: Answers) -> dict[str, Score]:
    """Scale → score, of the scales enough was answered for. Items that are not asked do not count."""
    open_items = {one.link_id: one for one in asked(definition, answers)}
    found: dict[str, Score] = {}
    for scale in definition.scales:
        value = _value(scale, open_items, answers)
        if value is not None:
            band = band_of(scale, value)
            found[scale.code] = Score(
                scale.code,
                scale.title,
                value,
                band.title if band else None,
                band.says if band and definition.shows_result else None,
            )
    return found


def band_of(scale: Scale, value: float) -> Band | None:
    return next((one for one in scale.bands if one.low <= value <= one.high), None)


def points(item: Item, answer: Any) -> float | None:
    """What an answer counts: a choice's ordinal (of several, their sum), or the number itself."""
    if isinstance(answer, bool) or answer is None:
        return None
    if item.choices:
        chosen = [one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, str)]
        counted = [item.ordinals[one] for one in chosen if one in item.ordinals]
        return sum(counted) if counted else None
    return float(answer) if isinstance(answer, int | float) else None


def _value(scale: Scale, items: Mapping[str, Item], answers: Answers) -> float | None:
    mine = [items[link_id] for link_id in scale.items if link_id in items]
    counted = [
        _reversed(item, value) if item.link_id in scale.reverse else value
        for item in mine
        if (value := points(item, answers.get(item.link_id))) is not None
    ]
    needed = len(mine) if scale.at_least is None else min(scale.at_least, len(mine))
    if not counted or len(counted) < needed:
        return None
    if scale.method == "mean":
        return sum(counted) / len(counted)
    total = sum(counted)
    return total if len(counted) == len(mine) else float(math.floor(total / len(counted) * len(mine) + 0.5))


def _reversed(item: Item, value: float) -> float:
    ends = list(item.ordinals.values()) or [item.lowest or 0.0, item.highest or 0.0]
    return min(ends) + max(ends) - value
