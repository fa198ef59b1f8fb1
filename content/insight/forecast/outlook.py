"""A department's weeks to come: the forecast or its rival, whichever was less far off, with how that was found out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from content.insight.forecast.demand import WEEK, Days, Fitted, fit
from content.insight.forecast.trying import (
    ENOUGH,
    ENOUGH_WEEKS,
    MOST_WEEKS,
    Band,
    Tried,
    band,
    by_week,
    covered,
    furthest,
    mase,
    trials,
    wape,
)

LEAST_WEEKS = 6
"""With less history nothing is said."""


class Method(StrEnum):
    """`NAIVE`: the model was further off than "like the same weekday a week ago", so that is shown."""

    MODEL = "model"
    NAIVE = "naive"
    TOO_LITTLE = "too_little"


@dataclass(frozen=True, slots=True)
class Ahead:
    """A day, or a week from `day` on. `low`, `high`: where eight of ten should come to lie; None where too little was tried."""

    day: date
    expected: float
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """`counts` from `first` on are what came, to yesterday. Errors are shares (`wape`) and multiples (`mase`), of days; the cover is
    (inside, tried) of days and of weeks. `tried`: origins."""

    first: date
    counts: Sequence[int]
    method: Method
    fitted: Fitted | None = None
    wape: float | None = None
    naive_wape: float | None = None
    mase: float | None = None
    naive_mase: float | None = None
    cover: tuple[int, int] = (0, 0)
    week_cover: tuple[int, int] = (0, 0)
    tried: int = 0
    days: Sequence[Ahead] = ()
    weeks: Sequence[Ahead] = ()

    @property
    def known_weeks(self) -> int:
        return len(self.counts) // WEEK


def outlook(counts: Sequence[int], days: Days) -> Outlook:
    """`counts` to yesterday; `days` begin with them and go on for `MOST_WEEKS` at least."""
    if len(counts) < LEAST_WEEKS * WEEK or not any(counts):
        return Outlook(days.first, counts, Method.TOO_LITTLE)
    tried = trials(counts, days)
    fitted = fit(counts, days, len(counts))
    actual = [float(one.actual) for one in tried]
    model, naive = [one.model for one in tried], [one.naive for one in tried]
    errors = wape(actual, model), wape(actual, naive)
    better = None not in errors and (errors[0] or 0.0) < (errors[1] or 0.0)
    weekly = by_week(tried)

    def says(one: Tried) -> float:
        return one.model if better else one.naive

    day_band, week_band = band(tried, says, ENOUGH), band(weekly, says, ENOUGH_WEEKS)
    far = min(furthest(tried), MOST_WEEKS) * WEEK

    def expected(place: int) -> float:
        if better:
            at = len(counts) + place
            return fitted.expected(days.kinds[at], days.after_break[at])
        return float(counts[len(counts) - WEEK + place % WEEK])

    said = [expected(place) for place in range(far)]
    return Outlook(
        days.first,
        counts,
        Method.MODEL if better else Method.NAIVE,
        fitted,
        *errors,
        mase(actual, model, counts),
        mase(actual, naive, counts),
        covered(tried, says, ENOUGH),
        covered(weekly, says, ENOUGH_WEEKS),
        len({one.origin for one in tried}),
        [
            _ahead(days.first, len(counts) + place, place // WEEK + 1, said[place], day_band)
            for place in range(far)
        ],
        [
            _ahead(
                days.first, len(counts) + place, place // WEEK + 1, sum(said[place : place + WEEK]), week_band
            )
            for place in range(0, far, WEEK)
        ],
    )


def _ahead(first: date, place: int, ahead: int, expected: float, of: Band | None) -> Ahead:
    low, high = of.around(expected, ahead) if of else (None, None)
    return Ahead(first + timedelta(days=place), expected, low, high)
