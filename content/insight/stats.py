"""Intervals of proportions, of their difference, and of means.

The closed forms stand here because serving imports no scipy (a second of start-up, and the event loop waits for it); the tests
compare them with scipy and with the published worked examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt, tan
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)
"""Two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """The interval leaves nought out."""
        return self.low > 0 or self.high < 0


def proportion(events: int, people: int) -> Estimate:
    """`events` of `people`, with Wilson's score interval without continuity correction.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927) 209-212; as method 3 in
    R. G. Newcombe, Two-sided confidence intervals for the single proportion, Stat Med 17 (1998) 857-872. Raises `ValueError`
    for counts that are none.
    """
    if not 0 <= events <= people or people == 0:
        raise ValueError(f"{events} of {people} is no proportion")
    share, z2 = events / people, Z * Z
    centre = 2 * events + z2
    spread = Z * sqrt(z2 + 4 * events * (1 - share))
    below, above = (centre - spread) / (2 * (people + z2)), (centre + spread) / (2 * (people + z2))
    return Estimate(share, max(0.0, below), min(1.0, above))


def difference(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """The first proportion (events, people) less the other, with Newcombe's hybrid score interval (method 10).

    R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven methods,
    Stat Med 17 (1998) 873-890: the two Wilson intervals, squared and added.
    """
    a, b = proportion(*one), proportion(*other)
    value = a.value - b.value
    low = value - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = value + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Estimate(value, low, high)


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t.

    G. W. Hill, Algorithm 396: Student's t-quantiles, Communications of the ACM 13 (1970) 619-620, by its expansion; exact for one
    and two degrees of freedom. Good to four digits, which the tests hold against scipy. Raises `ValueError` below one degree.
    """
    if degrees < 1:
        raise ValueError("a mean of one answer has no interval")
    if degrees == 1:
        return tan(pi * 0.475)
    if degrees == 2:
        return 0.95 * sqrt(2 / (4 * 0.975 * 0.025))
    n, z = float(degrees), Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n ** (place + 1) for place, term in enumerate(terms))


def mean(scores: Mapping[int, int]) -> Estimate | None:
    """The mean of scores (score → how often) with its t interval, kept within what can be scored; None below two answers.

    Student's interval: Student, The probable error of a mean, Biometrika 6 (1908) 1-25. It holds for means of some thirty
    answers and more whatever their distribution, and is a rough guide below.
    """
    people = sum(scores.values())
    if people < 2:
        return None
    value = sum(score * number for score, number in scores.items()) / people
    square = sum(number * (score - value) ** 2 for score, number in scores.items()) / (people - 1)
    spread = student(people - 1) * sqrt(square / people)
    return Estimate(value, value - spread, value + spread)


def promoters(up: int, down: int, people: int) -> Estimate:
    """The Net Promoter Score: the share of 9-10 less that of 0-6 (F. F. Reichheld, The One Number You Need to Grow, Harvard
    Business Review 81/12, 2003), with the interval of a difference of two shares of one multinomial (A. Agresti, Categorical Data
    Analysis, Wiley 2013, 1.5). -1 to 1. Raises `ValueError` for counts that are none."""
    if people == 0 or up + down > people or min(up, down) < 0:
        raise ValueError(f"{up} and {down} of {people} are no shares")
    high, low = up / people, down / people
    value = high - low
    spread = Z * sqrt((high + low - value * value) / people)
    return Estimate(value, max(-1.0, value - spread), min(1.0, value + spread))
