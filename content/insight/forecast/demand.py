"""How many patients a department will see on a day: level of the last weeks x weekday x days off. Pure.

Simple on purpose: each of its numbers can be read out and checked by hand. A level that does not look back further than four
weeks follows a shift within a fortnight; a median of weeks and means without their extremes keep one odd day from leading it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from care.hospital.workdays import Workdays

WEEK = 7
OFF = 7
"""The kind of a named day off; else a day's kind is the weekday whose clinics are held, 0 is Monday."""
FITTED_WEEKS = 26
"""The weekdays' shares are taken from so many weeks."""
LEVEL_WEEKS = 4
PASSES = 3
"""Level and weekday need each other; after three turns nothing changes any more."""
TRIM = 0.1
"""The highest and the lowest tenth of a weekday's shares are left out."""
LONG_BREAK = 3
"""Days off in a row after which the first working day counts as one after a holiday."""
ENOUGH_DAYS, ENOUGH_PEOPLE = 3, 30
"""Days after a holiday, and patients usual on such days, that must have been seen before they get a factor of their own: of
fewer it would be chance."""
BOUNDS = (0.5, 2.0)
"""That factor is not believed beyond these."""


@dataclass(frozen=True, slots=True)
class Days:
    """Days in a row from `first` on: what kind each is, and whether it follows a long break."""

    first: date
    kinds: Sequence[int]
    after_break: Sequence[bool]

    @classmethod
    def of(cls, workdays: Workdays, first: date, last: date) -> Days:
        """Both included."""
        days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
        kinds = [OFF if workdays.holiday(day) is not None else workdays.weekday(day) for day in days]
        return cls(first, kinds, [_follows_break(workdays, day) for day in days])

    def since(self, place: int) -> Days:
        """The same without the first `place` days."""
        return Days(self.first + timedelta(days=place), self.kinds[place:], self.after_break[place:])


def _follows_break(workdays: Workdays, day: date) -> bool:
    before = [day - timedelta(days=back) for back in range(1, LONG_BREAK + 1)]
    return workdays.is_workday(day) and not any(workdays.is_workday(one) for one in before)


@dataclass(frozen=True, slots=True)
class Fitted:
    """`level`: patients on an average day; `weekday`: that day's share of it, Monday first (mean 1); `off`: a day off's share;
    `after`: what the first working day after a holiday has more than its weekday."""

    level: float
    weekday: tuple[float, ...]
    off: float
    after: float

    def expected(self, kind: int, after_break: bool) -> float:
        """Patients on a day of this kind."""
        if kind == OFF:
            return self.level * self.off
        return self.level * self.weekday[kind] * (self.after if after_break else 1.0)


def fit(counts: Sequence[int], days: Days, until: int) -> Fitted:
    """What the first `until` of `counts` say; nothing later is looked at. Needs a week at least."""
    begins = max(0, until - FITTED_WEEKS * WEEK)
    places = range(begins, until)
    plain = [one for one in places if days.kinds[one] != OFF and not days.after_break[one]]
    week = {one: (until - 1 - one) // WEEK for one in places}  # 0 is the last
    shares = [1.0] * WEEK
    levels: dict[int, float] = {}
    for _ in range(PASSES):
        levels = _levels(counts, days, plain, week, shares)
        shares = _shares(counts, days, plain, week, levels)
    level = median([levels[one] for one in sorted(levels)[:LEVEL_WEEKS]]) if levels else 0.0
    usual = [(one, _near(levels, week[one])) for one in places]
    off = [(counts[one], at) for one, at in usual if days.kinds[one] == OFF]
    after = [
        (counts[one], at * shares[days.kinds[one]])
        for one, at in usual
        if days.after_break[one] and days.kinds[one] != OFF
    ]
    seen = len(after) >= ENOUGH_DAYS and sum(usually for _, usually in after) >= ENOUGH_PEOPLE
    more = _ratio(after, 1.0) if seen else 1.0
    return Fitted(level, tuple(shares), _ratio(off, 0.0), min(max(more, BOUNDS[0]), BOUNDS[1]))


def _levels(
    counts: Sequence[int], days: Days, plain: Sequence[int], week: dict[int, int], shares: Sequence[float]
) -> dict[int, float]:
    """By week: patients on an average day, given how much of it each of its days is."""
    seen: dict[int, float] = {}
    weight: dict[int, float] = {}
    for one in plain:
        seen[week[one]] = seen.get(week[one], 0.0) + counts[one]
        weight[week[one]] = weight.get(week[one], 0.0) + shares[days.kinds[one]]
    return {of: seen[of] / weight[of] for of in seen if weight[of] > 0}


def _shares(
    counts: Sequence[int], days: Days, plain: Sequence[int], week: dict[int, int], levels: dict[int, float]
) -> list[float]:
    """Each weekday's share of an average day; they add up to seven."""
    seen: list[list[float]] = [[] for _ in range(WEEK)]
    for one in plain:
        if levels.get(week[one], 0.0) > 0:
            seen[days.kinds[one]].append(counts[one] / levels[week[one]])
    means = [_trimmed(sorted(one)) for one in seen]
    together = sum(means)
    return [one * WEEK / together for one in means] if together else [1.0] * WEEK


def _trimmed(values: Sequence[float]) -> float:
    drop = int(len(values) * TRIM)
    kept = values[drop : len(values) - drop]
    return sum(kept) / len(kept) if kept else 0.0


def _near(levels: dict[int, float], of: int) -> float:
    """The level of a week; of the nearest one where it had no ordinary day."""
    if of in levels:
        return levels[of]
    return levels[min(levels, key=lambda one: (abs(one - of), one))] if levels else 0.0


def _ratio(pairs: Sequence[tuple[float, float]], otherwise: float) -> float:
    usual = sum(one for _, one in pairs)
    return sum(one for one, _ in pairs) / usual if usual else otherwise
