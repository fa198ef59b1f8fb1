"""The figures of the database are those of a plain reading of the same rows, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date

import pytest

from content.insight.figures.collecting import PARTS, collect
from content.insight.figures.rows import Figures
from content.insight.period import Period, ending
from store.clock import VirtualClock
from store.database import Database
from tests.content.insight import naive
from tests.factories.outreach import some_months, town


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_is_that_of_a_plain_reading(
    database: Database, clock: VirtualClock, seed: int
) -> None:
    async with database.write("town") as session:
        made = await town(session, clock)
        some_months(made, random.Random(seed))
    now, heard = clock.now(), []

    async def done(step: int) -> None:
        heard.append(step)

    for period in (
        ending(clock.local().date(), 3, clock.zone),
        ending(clock.local().date(), 1, clock.zone),
        ending(date(2026, 10, 1), 1, clock.zone, 7),
    ):
        found = await collect(database, period, now, done)
        assert found.reached == naive.reached(made, period, now)
        assert {one.slug: list(one[2:]) for one in found.articles} == naive.articles(made, period)
        assert Counter({tuple(one[:4]): one.number for one in found.visits}) == naive.visits(made, period)
        assert sorted(found.marks) == naive.marks(made, period)
        assert Counter({one.status: one.number for one in found.surveys}) == naive.surveys(made, period)
        assert sorted(found.talks) == naive.talks(made, period)
        assert sorted(found.waits) == naive.waits(made, period)
        assert sorted(found.grumbles) == naive.grumbles(made, period)
        assert Figures.from_json(found.to_json()) == found
    assert heard == [*range(1, PARTS + 1)] * 3


async def test_an_empty_house_has_empty_figures(database: Database, clock: VirtualClock) -> None:
    async def done(step: int) -> None:
        pass

    period = ending(clock.local().date(), 12, clock.zone)
    assert await collect(database, period, clock.now(), done) == Figures()


def test_months_are_the_hospitals(clock: VirtualClock) -> None:
    period = Period(date(2025, 12, 1), 3, clock.zone)
    assert period.months == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert period.after == date(2026, 3, 1)
    assert period.begins(period.first).isoformat() == "2025-12-01T00:00:00+08:00"
