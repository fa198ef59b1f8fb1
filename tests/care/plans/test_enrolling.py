"""Who comes into a plan: by event or by the sweep, once; corrected, struck out and told anew, nothing is doubled and nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import delete, func, select, update

from care.consents import service as consents
from care.consents.models import Purpose
from care.plans import following, replanning, service
from care.plans.following import follow
from care.plans.sweep import sweep
from care.plans.tick import tick
from care.records.models import Encounter
from store import events
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.plans.conftest import Ward, plan_of, step

STEPS = (step("day1", 1), step("day7", 7), step("day30", 30))
SUNDAY = date(2026, 11, 22)


async def changed(ward: Ward, patient: object, kind: str = "encounter.corrected") -> None:
    async with ward.database.write() as session:
        events.emit(session, patient, kind, ward.clock.now())  # type: ignore[arg-type]


async def test_an_event_enrols_once_and_every_touch_is_a_row(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS), plan_of(*STEPS, name="template", signed_by=None))
    await ward.discharged(ward.people[0], SUNDAY)
    await ward.tick()
    await changed(ward, ward.people[0])
    await ward.tick()
    touches = await ward.touches()
    assert [(one.step, ward.clock.local(one.planned_for).isoformat()[:16]) for one in touches] == [
        ("day1", "2026-11-23T10:00"),
        ("day7", "2026-11-29T10:00"),
        ("day30", "2026-12-22T10:00"),
    ]
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]
    assert await follow(ward.database, ward.clock) == 0


class Midnight(VirtualClock):
    """It strikes twelve after the first look at it."""

    def now(self) -> datetime:
        before = super().now()
        self.advance(timedelta(days=1))
        return before


async def test_who_goes_home_while_a_tick_runs_over_midnight_is_enrolled(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    await ward.discharged(ward.people[0], SUNDAY)
    await ward.discharged(ward.people[1], SUNDAY + timedelta(days=1))
    over_midnight = Midnight(ward.clock.now())
    over_midnight.freeze(ward.clock.now())
    with patch.object(following, "BATCH", 2):  # a stay's coming and its end
        await tick(ward.database, over_midnight, ward.ports)
    assert [await ward.plans(one) for one in ward.people[:2]] == [[("after", "active", None)]] * 2


async def test_rows_that_came_without_events_are_found_by_the_sweep(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    for one in ward.people:
        await ward.discharged(one, SUNDAY, told=False)
    await ward.tick()
    assert await ward.touches() == []
    assert await sweep(ward.database, ward.clock, ward.ports) == 3
    assert await sweep(ward.database, ward.clock, ward.ports) == 0
    assert len(await ward.touches()) == 9


async def test_another_department_or_code_is_another_plan(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS, departments=["男科"]), plan_of(*STEPS, name="coded", codes=["E11"]))
    await ward.discharged(ward.people[0], SUNDAY)
    await ward.tick()
    assert await ward.touches() == []


async def test_a_corrected_day_moves_what_has_not_left(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    stay = await ward.discharged(ward.people[0], SUNDAY)
    await ward.at(1)
    assert (await ward.states())["day1"] == "sent"
    async with ward.database.write() as session:
        await session.execute(
            update(Encounter).where(Encounter.id == stay).values(end_date=SUNDAY - timedelta(days=2))
        )
    await changed(ward, ward.people[0])
    await ward.at(1, 11)
    found = {one.step: ward.clock.local(one.planned_for).date() for one in await ward.touches()}
    assert found == {"day1": date(2026, 11, 23), "day7": date(2026, 11, 27), "day30": date(2026, 12, 20)}
    assert len(await ward.said()) == 1


async def test_a_stay_struck_out_ends_the_plan_and_told_anew_it_goes_on_without_repeating(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    stay = await ward.discharged(ward.people[0], SUNDAY)
    await ward.at(1)
    await ward.sent_all()
    async with ward.database.write() as session:
        await session.execute(delete(Encounter).where(Encounter.id == stay))
    await changed(ward, ward.people[0], "encounter.cancelled")
    await ward.at(1, 11)
    assert await ward.plans(ward.people[0]) == [("after", "revoked", "removed")]
    assert (await ward.states())["day7"] == "cancelled:removed"
    await ward.discharged(ward.people[0], SUNDAY + timedelta(days=1))
    await ward.at(2)
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]
    assert (await ward.states()) == {"day1": "done", "day7": "planned", "day30": "planned"}
    assert len(await ward.said()) == 1


async def test_a_row_deleted_without_a_word_is_found_by_the_sweep(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    stay = await ward.discharged(ward.people[0], SUNDAY)
    await ward.tick()
    async with ward.database.write() as session:
        await session.execute(delete(Encounter).where(Encounter.id == stay))
    assert await sweep(ward.database, ward.clock, ward.ports) == 1
    assert await ward.plans(ward.people[0]) == [("after", "revoked", "removed")]


async def test_another_stay_takes_the_place_of_the_old_one(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS, stops=[]))
    await ward.discharged(ward.people[0], SUNDAY - timedelta(days=20))
    await ward.tick()
    await ward.discharged(ward.people[0], SUNDAY)
    await ward.tick()
    assert await ward.plans(ward.people[0]) == [
        ("after", "revoked", "superseded"),
        ("after", "active", None),
    ]


async def test_an_event_a_year_late(ward: Ward) -> None:
    """Only what is inside its limit is caught up; the rest is there with its reason."""
    await ward.publish(plan_of(*STEPS, step("year", 365), step("end", 380)))
    await ward.discharged(ward.people[0], SUNDAY - timedelta(days=367))
    await ward.at(0)
    assert await ward.states() == {
        "day1": "skipped:late", "day7": "skipped:late", "day30": "skipped:late", "year": "sent", "end": "planned",
    }  # fmt: skip
    assert len(await ward.said()) == 1


async def test_who_took_back_that_they_are_followed_up_is_not_enrolled(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    async with ward.database.write() as session:
        await consents.decide(
            session, subject="patient", subject_id=ward.people[0], purpose=Purpose.FOLLOW_UP, granted=False,
            text_version="t", channel="wechat", now=ward.clock.now(),
        )  # fmt: skip
    await ward.discharged(ward.people[0], SUNDAY)
    await ward.tick()
    assert await sweep(ward.database, ward.clock, ward.ports) == 0
    assert await ward.plans(ward.people[0]) == []


async def test_by_a_nurse_once_whatever_the_record_says(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS))
    for new in (True, False):
        async with ward.database.write() as session:
            _, made = await service.enrol(
                session, "after", ward.people[0], anchor_date=SUNDAY, source="nurse", now=ward.clock.now()
            )
            assert made is new
    assert await sweep(ward.database, ward.clock, ward.ports) == 0
    assert len(await ward.touches()) == 3


async def test_two_planners_at_once_enrol_each_once(ward: Ward) -> None:
    """Two sweeps and two ticks, of rows with and without their events."""
    await ward.publish(plan_of(*STEPS), plan_of(*STEPS, name="other"))
    for one, told in zip(ward.people, (True, False, False), strict=True):
        await ward.discharged(one, SUNDAY, told=told)
    other = Database(ward.database.url.render_as_string(hide_password=False))
    try:
        await asyncio.gather(
            sweep(ward.database, ward.clock, ward.ports),
            sweep(other, ward.clock, ward.ports),
            ward.tick(),
            tick(other, ward.clock, ward.ports),
        )
    finally:
        await other.close()
    for one in ward.people:
        assert sorted(await ward.plans(one)) == [("after", "active", None), ("other", "active", None)]
    assert Counter(one.step for one in await ward.touches()) == dict.fromkeys(("day1", "day7", "day30"), 6)
    async with ward.database.read() as session:
        started = select(func.count()).where(PatientEvent.kind == "careplan.started")
        assert await session.scalar(started) == 6


async def test_a_planner_that_dies_in_the_middle_is_gone_on_with(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version reaches one patient a transaction, and the process dies after the first."""
    await ward.publish(plan_of(*STEPS))
    for one in ward.people:
        await ward.discharged(one, SUNDAY)
    await ward.tick()
    await ward.publish(plan_of(*STEPS, step("new", 3)))
    monkeypatch.setattr(replanning, "BATCH", 1)
    assert await replanning.replan(ward.database, ward.clock.now()) == 1
    planned = replanning.plan_ahead

    async def dies(*given: Any, **more: Any) -> None:
        await planned(*given, **more)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(replanning, "plan_ahead", dies)
        with pytest.raises(RuntimeError):
            await replanning.replan(ward.database, ward.clock.now())
    assert sum(one.step == "new" for one in await ward.touches()) == 1
    await ward.at(3)
    assert Counter(one.step for one in await ward.touches()) == dict.fromkeys(
        ("day1", "day7", "day30", "new"), 3
    )
    assert len(set(await ward.said())) == len(await ward.said()) == 6, "days 1 and 3 of each"
