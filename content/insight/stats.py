"""Intervals of proportions and of their difference.

The closed forms stand here because serving imports no scipy (a second of start-up, and the event loop waits for it); the tests
compare them with scipy and with the published worked examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
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
