"""A year of visits whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import date, timedelta

from care.hospital.workdays import Workdays
from content.insight.forecast.demand import OFF, Days
from content.insight.forecast.trying import MOST_WEEKS

TODAY = date(2026, 11, 23)
TRUTH = (1.5, 1.2, 1.0, 1.1, 1.3, 0.6, 0.3)
"""The weekdays' shares, Monday first."""
COMING = MOST_WEEKS * 7
WORKDAYS = Workdays()


def poisson(chance: random.Random, mean: float) -> int:
    """D. E. Knuth's, for small means."""
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def days(known: int, today: date = TODAY) -> Days:
    """`known` days to yesterday, and those to come."""
    return Days.of(WORKDAYS, today - timedelta(days=known), today + timedelta(days=COMING - 1))


def visits(known: int, level: Callable[[int], float], *, seed: int = 1, today: date = TODAY) -> list[int]:
    """Patients a day; `level` of the days before today. Nobody comes on named days off."""
    chance, of = random.Random(seed), days(known, today)
    return [
        0 if of.kinds[place] == OFF else poisson(chance, level(known - place) * TRUTH[of.kinds[place]])
        for place in range(known)
    ]
