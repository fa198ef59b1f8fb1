"""Scheduled and recurring campaigns on a moved clock, and what comes late by each written rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from content.campaigns.kinds import Kind, Late
from content.campaigns.times import added
from tests.content.campaigns.ward import Ward

MONDAY_TEN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday 23 November, 10:00 in Shanghai."""
DAILY: dict[str, Any] = {
    "kind": Kind.RECURRING, "start_at": MONDAY_TEN, "every": 1, "unit": "day", "at_time": "10:00",
}  # fmt: skip


async def _occurrences(ward: Ward, campaign_id: Any) -> list[int]:
    return [one.occurrence for one in await ward.recipients(campaign_id)]


async def test_a_scheduled_one_waits_for_its_moment(ward: Ward) -> None:
    await ward.patient()
    campaign_id = await ward.launched(await ward.plan(kind=Kind.SCHEDULED, start_at=MONDAY_TEN))
    await ward.run()
    ward.at("2026-11-23T09:59")
    await ward.run(times=1, seconds=1)
    assert await ward.recipients(campaign_id) == []
    assert (await ward.campaign(campaign_id)).due_at == MONDAY_TEN
    ward.at("2026-11-23T10:00")
    await ward.run()
    assert await ward.states(campaign_id) == {"queued": 1}
    await ward.deliver()
    await ward.run()
    assert (await ward.campaign(campaign_id)).state == "done"


@pytest.mark.parametrize(("late", "days", "state"), [(Late.SKIP, 0, "done"), (Late.CATCH_UP, 3, "running")])
async def test_a_moment_missed(ward: Ward, late: Late, days: int, state: str) -> None:
    """The house stood still for two days."""
    await ward.patient()
    plan = await ward.plan(kind=Kind.SCHEDULED, start_at=MONDAY_TEN, late=late, late_days=days)
    campaign_id = await ward.launched(plan)
    ward.at("2026-11-25T11:00")
    await ward.run()
    assert (await ward.campaign(campaign_id)).state == state
    assert len(await ward.recipients(campaign_id)) == (state == "running")


async def test_a_recurring_one_comes_again(ward: Ward) -> None:
    """Who comes into the audience later is in from the next time on; the last is before its end."""
    await ward.patient()
    plan = await ward.plan(**DAILY, late=Late.NEXT, end_at=MONDAY_TEN + timedelta(days=2))
    campaign_id = await ward.launched(plan)
    ward.at("2026-11-23T10:00")
    await ward.run()
    await ward.patient()
    await ward.run()
    assert await _occurrences(ward, campaign_id) == [1]
    ward.at("2026-11-24T10:00")
    await ward.run()
    assert await _occurrences(ward, campaign_id) == [1, 2, 2]
    await ward.deliver()
    ward.at("2026-11-25T10:00")
    await ward.run()
    assert await _occurrences(ward, campaign_id) == [1, 2, 2]
    row = await ward.campaign(campaign_id)
    assert (row.state, row.counts.get("planned", 0)) == ("done", 0)


@pytest.mark.parametrize(
    ("late", "days", "expected"),
    [(Late.NEXT, 0, [1]), (Late.CATCH_UP, 1, [1, 4]), (Late.CATCH_UP, 9, [1, 4])],
)
async def test_occurrences_missed(ward: Ward, late: Late, days: int, expected: list[int]) -> None:
    """It stood still from Monday to Friday, 09:00: of what was missed the newest is made up for, if any."""
    await ward.patient()
    campaign_id = await ward.launched(await ward.plan(**DAILY, late=late, late_days=days))
    ward.at("2026-11-23T10:00")
    await ward.run()
    ward.at("2026-11-27T09:00")
    await ward.run()
    assert await _occurrences(ward, campaign_id) == expected
    ward.at("2026-11-27T10:00")
    await ward.run()
    assert await _occurrences(ward, campaign_id) == [*expected, 5]


async def test_a_closed_cohort(ward: Ward) -> None:
    """`skip`: who was not in at first never is."""
    first = await ward.patient()
    campaign_id = await ward.launched(await ward.plan(**DAILY, late=Late.SKIP))
    ward.at("2026-11-23T10:00")
    await ward.run()
    await ward.patient()
    ward.at("2026-11-24T10:00")
    await ward.run()
    found = [(one.occurrence, one.patient_id) for one in await ward.recipients(campaign_id)]
    assert found == [(1, first), (2, first)]


async def test_a_closed_cohort_begins_with_the_first_that_was_made(ward: Ward) -> None:
    """The first two occurrences were missed."""
    first = await ward.patient()
    campaign_id = await ward.launched(await ward.plan(**DAILY, late=Late.SKIP))
    for day in ("2026-11-25T10:00", "2026-11-26T10:00"):
        ward.at(day)
        await ward.run()
        await ward.patient()
    found = [(one.occurrence, one.patient_id) for one in await ward.recipients(campaign_id)]
    assert found == [(3, first), (4, first)]


async def test_newcomers_are_added_for_so_many_days(ward: Ward) -> None:
    await ward.patient()
    campaign_id = await ward.launched(await ward.plan(late=Late.CATCH_UP, late_days=2))
    await ward.run()
    await ward.deliver()
    await ward.run()
    assert (await ward.campaign(campaign_id)).state == "running"
    await ward.patient()
    ward.clock.advance(timedelta(days=1))
    await ward.run()
    assert await ward.states(campaign_id) == {"sent": 1, "queued": 1}
    await ward.deliver()
    await ward.patient()
    ward.clock.advance(timedelta(days=1, hours=1))
    await ward.run()
    assert await ward.states(campaign_id) == {"sent": 2}
    assert (await ward.campaign(campaign_id)).state == "done"


def test_a_month_ends_on_its_last_day() -> None:
    first = datetime(2027, 1, 31, tzinfo=UTC).date()
    months = [added(first, 1, "month", n).isoformat() for n in range(4)]
    assert months == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]
    assert added(first, 2, "week", 1).isoformat() == "2027-02-14"
