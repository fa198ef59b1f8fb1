"""How far off the forecast would have been: made anew for each of the last weeks of what was known then, and held against what came.

The rival is named and simple: as many as on the same weekday of the last week that was known (the seasonal naive forecast).

- Rolling origin: L. J. Tashman, Out-of-sample tests of forecasting accuracy, Int J Forecasting 16 (2000) 437-450.
- WAPE: the sum of what it was off by over the sum of what came. MASE: the mean absolute error over that of the seasonal naive
  forecast within the history: R. J. Hyndman, A. B. Koehler, Another look at measures of forecast accuracy, Int J Forecasting 22
  (2006) 679-688.
- Intervals: quantiles of what was off before, with the ranks of split conformal prediction: J. Lei et al., Distribution-free
  predictive inference for regression, JASA 113 (2018) 1094-1111. Errors are measured in roots of the expected number, as those of
  counts grow. Weeks are not exchangeable, so the cover is not promised but measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from content.insight.forecast.demand import WEEK, Days, fit

ORIGINS = 20
"""Weeks gone back to."""
LEAST_KNOWN = 4 * WEEK
"""Days an origin must have before it."""
MOST_WEEKS = 8
LEAST_TRIED = 2
"""So often a week must have been tried as far ahead for it to be forecast."""
COVER = 0.8
"""Of what comes, so much should lie within an interval."""
ENOUGH, ENOUGH_WEEKS = 30, 10
"""Errors, of days and of weeks, from which on the interval of a week ahead is made of that week's own; else of all."""


class Tried(NamedTuple):
    """A day (or a week's sum) forecast `ahead` weeks ahead, of what was known `origin` days after the beginning."""

    origin: int
    place: int
    ahead: int
    actual: int
    model: float
    naive: float


def trials(counts: Sequence[int], days: Days) -> list[Tried]:
    """Every forecast of the last `ORIGINS` weeks, the oldest first."""
    known, found = len(counts), []
    for back in range(ORIGINS, 0, -1):
        origin = known - back * WEEK
        if origin < LEAST_KNOWN:
            continue
        fitted = fit(counts, days, origin)
        for place in range(origin, min(origin + MOST_WEEKS * WEEK, known)):
            ahead = (place - origin) // WEEK + 1
            said = fitted.expected(days.kinds[place], days.after_break[place])
            found.append(Tried(origin, place, ahead, counts[place], said, counts[place - WEEK * ahead]))
    return found


def by_week(tried: Iterable[Tried]) -> list[Tried]:
    """The same, a row a week: sums of its days. `place` is the week's last day."""
    weeks: dict[tuple[int, int], list[Tried]] = defaultdict(list)
    for one in tried:
        weeks[one.origin, one.ahead].append(one)
    return [
        Tried(
            origin,
            max(one.place for one in of),
            ahead,
            sum(one.actual for one in of),
            sum(one.model for one in of),
            sum(one.naive for one in of),
        )
        for (origin, ahead), of in sorted(weeks.items())
    ]


def wape(actual: Sequence[float], said: Sequence[float]) -> float | None:
    """None where nothing came."""
    together = sum(actual)
    return _off(actual, said) / together if together else None


def mase(actual: Sequence[float], said: Sequence[float], history: Sequence[int]) -> float | None:
    """1: as far off as "like a week ago" was within `history`. None where a week is like the other to the man, or nothing was tried."""
    steps = [abs(one - other) for one, other in zip(history[WEEK:], history, strict=False)]
    scale = sum(steps) / len(steps) if steps else 0.0
    return _off(actual, said) / len(actual) / scale if scale and actual else None


def _off(actual: Sequence[float], said: Sequence[float]) -> float:
    return sum(abs(one - other) for one, other in zip(actual, said, strict=True))


def furthest(tried: Iterable[Tried]) -> int:
    """Weeks ahead that were tried often enough."""
    seen: dict[int, set[int]] = defaultdict(set)
    for one in tried:
        seen[one.ahead].add(one.origin)
    reached = 0
    while reached < MOST_WEEKS and len(seen[reached + 1]) >= LEAST_TRIED:
        reached += 1
    return reached


@dataclass(frozen=True, slots=True)
class Band:
    """`low` and `high` in roots of the expected number, by weeks ahead; 0: of all weeks together."""

    ends: Mapping[int, tuple[float, float]]

    def around(self, expected: float, ahead: int) -> tuple[int, int]:
        """The interval, in whole patients. Where nobody is expected (closed) there is none."""
        if expected <= 0:
            return 0, 0
        low, high = self.ends.get(ahead, self.ends.get(0, (0.0, 0.0)))
        root = sqrt(max(expected, 1.0))
        return max(0, round(expected + low * root)), max(0, round(expected + high * root))


Says = Callable[[Tried], float]


def band(tried: Sequence[Tried], says: Says, enough: int) -> Band | None:
    """Made of what was off. None where too little was tried for ranks to mean anything."""
    errors: dict[int, list[float]] = defaultdict(list)
    for one in tried:
        if (said := says(one)) > 0:
            error = (one.actual - said) / sqrt(max(said, 1.0))
            errors[one.ahead].append(error)
            errors[0].append(error)
    if len(errors[0]) < ENOUGH_WEEKS:
        return None
    return Band({of: _ends(sorted(one)) for of, one in errors.items() if not of or len(one) >= enough})


def _ends(errors: Sequence[float]) -> tuple[float, float]:
    """The tenth and the ninetieth percentile, by ranks among one more than there are."""
    count = len(errors) + 1
    low, high = count // 10, -(-count * 9 // 10)
    return errors[max(low, 1) - 1], errors[min(high, len(errors)) - 1]


def covered(tried: Sequence[Tried], says: Says, enough: int) -> tuple[int, int]:
    """How many of how many came within an interval that was made only of what was known before it. Days on which
    nobody was expected and nobody came are no merit."""
    inside = together = 0
    for origin in sorted({one.origin for one in tried}):
        before = band([one for one in tried if one.place < origin], says, enough)
        if before is None:
            continue
        for one in tried:
            if one.origin == origin and (says(one) > 0 or one.actual):
                low, high = before.around(says(one), one.ahead)
                inside += low <= one.actual <= high
                together += 1
    return inside, together
