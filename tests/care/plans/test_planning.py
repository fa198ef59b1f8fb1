"""Due dates: offset, time of day, working days with 调休, and what an event that comes late still brings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from care.hospital.workdays import Workdays
from care.plans.planning import Due, due_dates
from channels.chinatime import CHINA
from tests.care.plans.conftest import plan_of, step

DAYS = Workdays()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def due(anchor: date, *steps: dict[str, Any], now: datetime = LONG_AGO, **anchors: date) -> list[Due]:
    return due_dates(plan_of(*steps), anchor, DAYS, now, anchors=anchors)


def said(found: list[Due]) -> list[str]:
    return [f"{one.at.astimezone(CHINA):%m-%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("anchor", "days", "rule", "expected"),
    [
        (date(2026, 9, 18), 7, "any", "09-25 09:30"),  # 中秋节
        (date(2026, 9, 18), 7, "next", "09-28 09:30"),  # Friday to Sunday are off
        (date(2026, 9, 18), 7, "previous", "09-24 09:30"),
        (date(2026, 9, 20), 0, "next", "09-20 09:30"),  # a Sunday worked for the National Day
        (date(2026, 10, 1), 0, "next", "10-08 09:30"),
        (date(2026, 10, 7), 0, "previous", "09-30 09:30"),
        (date(2026, 11, 20), -3, "any", "11-17 09:30"),
    ],
)
def test_working_days_are_the_countrys(anchor: date, days: int, rule: str, expected: str) -> None:
    assert said(due(anchor, step("a", days, at="9:30", workday=rule))) == [expected]


def test_by_time_then_by_priority() -> None:
    found = due(
        date(2026, 11, 1),
        step("c", 5),
        step("b", 1, priority=7),
        step("a", 1, priority=2),
        step("z", 1, at="08:00"),
    )
    assert [one.step.id for one in found] == ["z", "a", "b", "c"]


def test_what_is_counted_from_a_fact_that_is_not_there_has_no_day_yet() -> None:
    steps = (step("week", 7), step("baby", 3, anchor="birth"))
    assert [one.step.id for one in due(date(2026, 11, 1), *steps)] == ["week"]
    assert said(due(date(2026, 11, 1), *steps, birth=date(2026, 11, 20)))[-1] == "11-23 10:00"


def test_an_event_a_year_late_brings_what_is_inside_its_limit_and_nothing_else() -> None:
    anchor = date(2025, 11, 22)
    now = datetime(2026, 11, 24, 12, tzinfo=CHINA)
    found = due(
        anchor,
        step("day7", 7),
        step("half", 180, late="skip"),
        step("year", 365),  # two days ago, three are allowed
        step("year-skip", 365, late="skip"),
        step("later", 400),
        now=now,
    )
    assert {one.step.id: one.skip for one in found} == {
        "day7": "late", "half": "late", "year": None, "year-skip": "late", "later": None,
    }  # fmt: skip


def test_on_its_own_day_nothing_is_late() -> None:
    anchor = date(2026, 11, 20)
    evening = datetime(2026, 11, 22, 23, 59, tzinfo=CHINA)
    assert due(anchor, step("a", 2, late="skip"), now=evening)[0].skip is None
    assert due(anchor, step("a", 2, late="skip"), now=evening + timedelta(minutes=2))[0].skip == "late"
