"""The model finds the truth it was made from, follows a shift, says how far off it is, and gives way where it is no better."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from care.hospital.workdays import Workdays
from content.insight.forecast.demand import OFF, Days, fit
from content.insight.forecast.outlook import LEAST_WEEKS, Method, outlook
from content.insight.forecast.trying import (
    COVER,
    MOST_WEEKS,
    ORIGINS,
    Tried,
    band,
    by_week,
    covered,
    furthest,
    mase,
    trials,
    wape,
)
from tests.content.insight.forecast.history import TODAY, TRUTH, days, poisson, visits

YEAR = 364


def test_it_finds_weekdays_and_a_level_that_has_shifted() -> None:
    """40 a day for most of the year, 60 for the last six weeks."""
    counts = visits(YEAR, lambda before: 60 if before <= 42 else 40)
    found = fit(counts, days(YEAR), YEAR)
    assert found.level == pytest.approx(60, rel=0.05)
    assert found.weekday == pytest.approx(TRUTH, abs=0.06)
    assert found.off == 0
    made = outlook(counts, days(YEAR))
    assert made.method is Method.MODEL and len(made.weeks) == MOST_WEEKS
    assert made.weeks[0].day == TODAY
    assert made.weeks[0].expected == pytest.approx(7 * 60, rel=0.05)
    assert made.wape is not None and made.naive_wape is not None
    assert made.wape < made.naive_wape
    new_year = next(one for one in made.days if one.day == date(2027, 1, 1))
    assert (new_year.expected, new_year.low, new_year.high) == (0, 0, 0)


def test_nothing_later_than_its_day_is_looked_at() -> None:
    counts = visits(YEAR, lambda before: 30)
    turned = [*counts[:300], *(9 * one for one in counts[300:])]
    assert fit(counts, days(YEAR), 300) == fit(turned, days(YEAR), 300)
    early = [one for one in trials(turned, days(YEAR)) if one.origin <= 300]
    assert [one.model for one in early] == [
        one.model for one in trials(counts, days(YEAR)) if one.origin <= 300
    ]


def test_one_odd_week_does_not_lead_it() -> None:
    counts = visits(YEAR, lambda before: 30)
    flood = [*counts[:-14], *(4 * one for one in counts[-14:-7]), *counts[-7:]]
    assert fit(flood, days(YEAR), YEAR).level == pytest.approx(30, rel=0.1)


def test_its_interval_covers_what_it_says() -> None:
    inside = together = 0
    for seed in range(6):
        made = outlook(visits(YEAR, lambda before: 25, seed=seed), days(YEAR))
        inside, together = inside + made.cover[0], together + made.cover[1]
    assert inside / together == pytest.approx(COVER, abs=0.05)


def test_days_off_swapped_days_and_the_day_after_a_holiday() -> None:
    """Held as Monday: it counts as one. After seven days off half as many again come."""
    own = {TODAY + timedelta(days=5): None}
    swapped = Workdays(own=own, instead={TODAY + timedelta(days=5): 0})
    assert Days.of(swapped, TODAY, TODAY + timedelta(days=6)).kinds == [0, 1, 2, 3, 4, 0, 6]
    october = Days.of(Workdays(), date(2026, 9, 30), date(2026, 10, 9))
    assert [kind == OFF for kind in october.kinds] == [False] + [True] * 7 + [False] * 2
    assert october.after_break == [False] * 8 + [True, False]
    of = days(YEAR)
    counts = [
        round(40 * TRUTH[kind] * (1.5 if after else 1)) if kind != OFF else 2
        for kind, after in zip(of.kinds[:YEAR], of.after_break, strict=False)
    ]
    found = fit(counts, of, YEAR)
    assert found.off == pytest.approx(2 / 40, abs=0.01)
    assert found.after == pytest.approx(1.5, abs=0.05)


def test_too_little_is_said_and_looked_ahead_only_as_far_as_was_tried() -> None:
    short = LEAST_WEEKS * 7 - 1
    made = outlook(visits(short, lambda before: 30), days(short))
    assert (made.method, made.days, made.weeks) == (Method.TOO_LITTLE, (), ())
    assert outlook([0] * 100, days(100)).method is Method.TOO_LITTLE
    made = outlook(visits(42, lambda before: 30), days(42))
    assert [one.day for one in made.weeks] == [TODAY]
    assert made.weeks[0].low is None, "three weeks tried make no interval"


def test_where_a_week_ago_is_the_better_guess_it_is_shown() -> None:
    """More each week: four weeks back is too far back."""
    counts = [round(20 * 1.05 ** (n // 7)) for n in range(YEAR)]
    of = Days(TODAY - timedelta(days=YEAR), [n % 7 for n in range(YEAR + 56)], [False] * (YEAR + 56))
    made = outlook(counts, of)
    assert made.naive_wape is not None and made.wape is not None
    assert made.naive_wape <= made.wape
    assert made.method is Method.NAIVE
    assert [one.expected for one in made.days[:7]] == counts[-7:]


def test_errors_by_hand() -> None:
    assert wape([10, 0, 20], [8, 1, 25]) == pytest.approx(8 / 30)
    assert wape([0, 0], [1, 1]) is None
    history = [1, 2, 3, 4, 5, 6, 7, 3, 2, 3, 4, 5, 6, 11]  # a week later: off by 2 and 4 of seven days
    assert mase([10, 20], [11, 17], history) == pytest.approx((1 + 3) / 2 / (6 / 7))
    assert mase([1], [1], [5] * 14) is None
    rows = [
        Tried(7, 7, 1, 4, 6, 5),
        Tried(7, 8, 1, 3, 2, 5),
        Tried(7, 14, 2, 9, 9, 9),
        Tried(14, 14, 1, 9, 8, 3),
    ]
    assert by_week(rows) == [Tried(7, 8, 1, 7, 8, 10), Tried(7, 14, 2, 9, 9, 9), Tried(14, 14, 1, 9, 8, 3)]
    assert furthest(rows) == 1, "a week ahead twice, two weeks once"


def test_an_interval_by_hand() -> None:
    """Nine errors of -4 to 4 roots: a tenth of ten ranks is the lowest, nine tenths the highest; of 19 the second and the last but one."""
    nine = [Tried(7, 7 + n, 1, 100 + 10 * (n - 4), 100, 0) for n in range(9)]
    assert band(nine, lambda one: one.model, 5) is None
    nineteen = [Tried(7, 7 + n, 1, 100 + 10 * (n - 9), 100, 0) for n in range(19)]
    made = band(nineteen, lambda one: one.model, 19)
    assert made is not None and made.ends == {0: (-8, 8), 1: (-8, 8)}
    assert made.around(100, 1) == (20, 180) and made.around(25, 5) == (0, 65)
    then = [Tried(50, 50, 1, 180, 100, 0), Tried(50, 51, 1, 181, 100, 0), Tried(50, 52, 1, 0, 0, 0)]
    assert covered([*nineteen, *then], lambda one: one.model, 19) == (1, 2), "closed days do not count"


def test_every_origin_of_a_year_is_tried() -> None:
    tried = trials(visits(YEAR, lambda before: 5), days(YEAR))
    assert len({one.origin for one in tried}) == ORIGINS
    assert furthest(tried) == MOST_WEEKS
    assert {one.place - one.origin for one in tried if one.ahead == 2} == set(range(7, 14))


def test_few_patients_a_day_are_not_taken_for_none() -> None:
    chance = random.Random(11)
    counts = [poisson(chance, 1.5) for _ in range(YEAR)]
    of = Days(TODAY - timedelta(days=YEAR), [n % 7 for n in range(YEAR + 56)], [False] * (YEAR + 56))
    made = outlook(counts, of)
    assert made.weeks[0].expected == pytest.approx(10.5, rel=0.35)
