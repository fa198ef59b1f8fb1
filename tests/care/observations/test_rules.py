"""The rules of data/seed/observations.yml, over one reading and over several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from care.observations.measures import measures
from care.observations.rules import About, Point, raised

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
SYSTOLIC, DIASTOLIC, GLUCOSE, OXYGEN, WEIGHT = "8480-6", "8462-4", "15074-8", "59408-5", "29463-7"
NOTHING, HEART_FAILURE, PREGNANT = About(), About(frozenset({"I50.900"})), About(pregnant=True)


def rung(code: str, *values: float, about: About = NOTHING, step: float = 1.0, late: float = 0.0) -> set[str]:
    """The rules that the last of `values` meets, each `step` days after the one before."""
    end = NOW - timedelta(days=late)
    points = [Point(end - timedelta(days=step * back), value) for back, value in enumerate(reversed(values))][
        ::-1
    ]
    return {one.rule for one in raised(measures(), {code: points[-1]}, {code: points}, about, NOW)}


@pytest.mark.parametrize(
    ("code", "value", "rule"),
    [
        (SYSTOLIC, 179, ""),
        (SYSTOLIC, 180, "blood-pressure-critical"),
        (DIASTOLIC, 109, ""),
        (DIASTOLIC, 110, "blood-pressure-critical"),
        (GLUCOSE, 4.0, ""),
        (GLUCOSE, 3.9, "glucose-low"),
        (GLUCOSE, 3.0, "glucose-low"),
        (GLUCOSE, 2.9, "glucose-very-low"),
        (GLUCOSE, 16.6, ""),
        (GLUCOSE, 16.7, "glucose-critical"),
        (OXYGEN, 94, ""),
        (OXYGEN, 93, "oxygen-low"),
        (OXYGEN, 90, "oxygen-low"),
        (OXYGEN, 89, "oxygen-very-low"),
        ("8310-5", 38.9, ""),
        ("8310-5", 39.0, "temperature-high"),
    ],
)
def test_one_reading_at_the_edge(code: str, value: float, rule: str) -> None:
    """A graver rule stands for the milder one it covers."""
    assert rung(code, value) == ({rule} if rule else set())


def test_three_in_a_row_and_nothing_between() -> None:
    assert rung(SYSTOLIC, 161, 165, 160) == {"blood-pressure-high-run"}
    assert rung(SYSTOLIC, 161, 165) == set()
    assert rung(SYSTOLIC, 161, 150, 165, 160) == set()
    assert rung(SYSTOLIC, 161, 165, 160, step=4) == set(), "the first is too long ago"
    assert rung(SYSTOLIC, 165, 170, 185) == {"blood-pressure-critical"}


def test_weight_in_three_days_of_who_has_heart_failure() -> None:
    assert rung(WEIGHT, 70, 70.5, 72.0, about=HEART_FAILURE) == {"weight-gain-heart-failure"}
    assert rung(WEIGHT, 70, 71.9, about=HEART_FAILURE) == set()
    assert rung(WEIGHT, 70, 72.5, about=HEART_FAILURE, step=4) == set()
    assert rung(WEIGHT, 70, 73) == set()


def test_pregnancy_has_its_own_lines() -> None:
    assert rung(SYSTOLIC, 142, about=PREGNANT) == set()
    assert rung(SYSTOLIC, 142, 145, about=PREGNANT) == {"blood-pressure-pregnancy"}
    assert rung(SYSTOLIC, 182, about=PREGNANT) == {"blood-pressure-pregnancy-severe"}
    assert rung(SYSTOLIC, 142, 145) == set()


def test_what_comes_in_late_rings_no_bell() -> None:
    assert rung(SYSTOLIC, 200, late=1.5) == {"blood-pressure-critical"}
    assert rung(SYSTOLIC, 200, late=3) == set()
