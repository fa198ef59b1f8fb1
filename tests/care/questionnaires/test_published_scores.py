"""PHQ-9 and GAD-7 score as published: every total of the tables, every GAD-7 sheet there is, thousands of PHQ-9 sheets."""

from __future__ import annotations

import csv
import itertools
import random
from fractions import Fraction
from pathlib import Path

import pytest

from care.questionnaires.definition import Definition
from care.questionnaires.flags import raised
from care.questionnaires.scoring import scores
from tests.care.questionnaires.shipped import shipped

TABLE = Path(__file__).with_name("published_severity.csv")
WORDS = {
    "minimal": "极轻或无症状",
    "mild": "轻度",
    "moderate": "中度",
    "moderately severe": "中重度",
    "severe": "重度",
}
ROWS = [
    (row["questionnaire"], int(row["total"]), row["severity"])
    for row in csv.DictReader(
        line for line in TABLE.read_text("utf-8").splitlines() if not line.startswith("#")
    )
]
PUBLISHED = {(name, total): severity for name, total, severity in ROWS}
PHQ9, GAD7 = shipped("phq9"), shipped("gad7")


def _sheet(definition: Definition, values: tuple[int | None, ...]) -> dict[str, str | None]:
    """Paper's 0 to 3 in the order of the questions, None left empty."""
    ids = [one.link_id for one in definition.items]
    return {
        link_id: None if value is None else str(value) for link_id, value in zip(ids, values, strict=True)
    }


def _agrees(definition: Definition, values: tuple[int | None, ...], total: int | None) -> None:
    found = scores(definition, _sheet(definition, values)).get("total")
    if total is None:
        assert found is None, values
        return
    assert found is not None, values
    assert found.value == total, values
    assert found.band is not None
    assert found.band.split("：")[1] == WORDS[PUBLISHED[definition.name, total]], values
    assert found.says is None, "no severity label for the patient"


@pytest.mark.parametrize(("name", "total", "severity"), ROWS)
def test_every_row_of_the_published_tables(name: str, total: int, severity: str) -> None:
    """The total is reached by filling in sheets from the front, and from the back."""
    definition = PHQ9 if name == "phq9" else GAD7
    size = len(definition.items)
    filled = tuple(min(3, max(0, total - 3 * at)) for at in range(size))
    assert sum(filled) == total
    for values in (filled, filled[::-1]):
        _agrees(definition, values, total)
        assert PUBLISHED[name, sum(values)] == severity


def test_every_sheet_of_gad7() -> None:
    for values in itertools.product(range(4), repeat=7):
        _agrees(GAD7, values, sum(values))


def test_sheets_of_phq9_with_nothing_or_up_to_four_answers_missing() -> None:
    """One or two missing are the mean of the rest (Arrieta et al. 2017), in exact fractions; three or more leave no score."""
    chance = random.Random(9)
    for _ in range(4000):
        values: list[int | None] = [chance.randint(0, 3) for _ in range(9)]
        for at in chance.sample(range(9), chance.choice([0, 0, 1, 2, 3, 4])):
            values[at] = None
        given = [one for one in values if one is not None]
        exact = Fraction(sum(given) * 9, len(given))
        total = int(exact + Fraction(1, 2)) if len(given) >= 7 else None
        _agrees(PHQ9, tuple(values), total)


def test_a_gad7_sheet_with_a_gap_has_no_total() -> None:
    _agrees(GAD7, (3, 3, 3, 3, 3, 3, None), None)


@pytest.mark.parametrize("answer", ["1", "2", "3"])
def test_any_thought_of_harm_is_a_crisis_at_once(answer: str) -> None:
    [flag] = raised(PHQ9, {"harm": answer}, finished=False)
    assert (flag.rule, flag.severity, flag.crisis, flag.link_id) == ("self-harm", "emergency", True, "harm")
    assert raised(PHQ9, {"harm": "0"}, finished=False) == []


@pytest.mark.parametrize(
    ("total", "before", "rules"),
    [
        (9, None, []),
        (10, None, ["moderate"]),
        (19, None, ["moderate"]),
        (20, None, ["severe"]),
        (9, 4, ["worse"]),
        (9, 5, []),
    ],
)
def test_totals_and_their_growth(total: int, before: int | None, rules: list[str]) -> None:
    def sheet(points: int) -> dict[str, str | None]:
        return _sheet(PHQ9, (*(min(3, max(0, points - 3 * at)) for at in range(8)), 0))

    past = None if before is None else sheet(before)
    assert [one.rule for one in raised(PHQ9, sheet(total), before=past, finished=True)] == rules
