"""The intervals are those of the papers' worked examples, and scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest, t

from content.insight.stats import difference, mean, promoters, proportion, student


# Newcombe, Stat Med 17 (1998) 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("events", "people", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_the_papers(events: int, people: int, low: float, high: float) -> None:
    found = proportion(events, people)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == events / people


# Newcombe, Stat Med 17 (1998) 873-890, table II, method 10.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_is_the_papers(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference(one, other)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.sure == (low > 0)
    turned = difference(other, one)
    assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


@pytest.mark.parametrize("people", [1, 7, 100, 12_345])
def test_wilson_is_scipys(people: int) -> None:
    for events in {0, 1, people // 3, people - 1, people}:
        theirs = binomtest(events, people).proportion_ci(0.95, "wilson")
        ours = proportion(events, people)
        assert (ours.low, ours.high) == (
            pytest.approx(theirs.low, abs=1e-9),
            pytest.approx(theirs.high, abs=1e-9),
        )


@pytest.mark.parametrize(("events", "people"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_proportion_is_refused(events: int, people: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        proportion(events, people)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 29, 99, 1000])
def test_students_quantile_is_scipys(degrees: int) -> None:
    assert student(degrees) == pytest.approx(t.ppf(0.975, degrees), rel=5e-3)


def test_the_mean_of_marks_has_students_interval() -> None:
    found = mean({5: 20, 4: 10, 1: 10})
    assert found is not None
    marks = [5] * 20 + [4] * 10 + [1] * 10
    low, high = t.interval(0.95, 39, loc=3.75, scale=(sum((x - 3.75) ** 2 for x in marks) / 39 / 40) ** 0.5)
    assert (found.value, found.low, found.high) == pytest.approx((3.75, low, high), rel=1e-4)
    assert mean({5: 1}) is None


def test_net_promoters_lie_between_all_against_and_all_for() -> None:
    found = promoters(50, 20, 100)
    assert (round(found.value, 3), round(found.low, 3), round(found.high, 3)) == (0.3, 0.147, 0.453)
    assert promoters(10, 0, 10).high == 1.0
