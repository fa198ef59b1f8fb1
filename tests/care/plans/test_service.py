"""What staff do with single touches: move, leave out, take back; a person's word outlasts a new plan."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from care.plans import publishing, service
from care.plans.errors import PlanError
from care.plans.models import Touch
from channels.chinatime import CHINA
from store.ids import new_id
from tests.care.plans.conftest import Ward, plan_of, step


async def ready(ward: Ward, **more: Any) -> dict[str, Touch]:
    await ward.publish(plan_of(step("a", 1), step("b", 5), **more))
    await ward.discharged(ward.people[0], ward.today)
    await ward.tick()
    return {one.step: one for one in await ward.touches()}


def at(day: int, hour: int = 15) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=CHINA)


async def test_moved_it_goes_then_whatever_the_plan_says_later(ward: Ward) -> None:
    touches = await ready(ward)
    async with ward.database.write() as session:
        await service.move(session, touches["b"].id, at(25), ward.clock.now(), by=new_id())
    await ward.publish(plan_of(step("a", 1), step("b", 9)))
    await ward.at(1)
    await ward.at(3, 14, 59)
    assert (await ward.states())["b"] == "planned"
    await ward.at(3, 15)
    assert (await ward.states())["b"] == "sent"


async def test_left_out_and_taken_back(ward: Ward) -> None:
    touches = await ready(ward)
    async with ward.database.write() as session:
        await service.skip(session, touches["a"].id, ward.clock.now(), by=new_id())
    assert (await ward.states())["a"] == "skipped:by_staff"
    await ward.publish(plan_of(step("a", 2), step("b", 9)))
    await ward.tick()
    assert (await ward.states())["a"] == "skipped:by_staff"
    async with ward.database.write() as session:
        back = await service.undo(session, touches["a"].id, ward.clock.now(), by=new_id())
        assert (back.status, back.pinned) == ("planned", False)
    with pytest.raises(PlanError, match="没有可以撤销的修改"):
        async with ward.database.write() as session:
            await service.undo(session, touches["a"].id, ward.clock.now())
    await ward.at(1)
    assert (await ward.states())["a"] == "sent"


async def test_what_cannot_be_done_says_why(ward: Ward) -> None:
    touches = await ready(ward, closes_after_days=10)
    now = ward.clock.now()

    async def refused(touch_id: UUID, to: datetime) -> str:
        async with ward.database.write() as session:
            with pytest.raises(PlanError) as found:
                await service.move(session, touch_id, to, now)
        return found.value.key

    assert await refused(touches["a"].id, now - timedelta(hours=1)) == "past"
    assert await refused(touches["a"].id, at(30) + timedelta(days=30)) == "beyond"
    assert await refused(new_id(), at(25)) == "no_touch"
    await ward.at(1)
    assert await refused(touches["a"].id, at(25)) == "not_planned"


async def test_only_a_signed_plan_takes_patients_and_no_dead(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), signed_by=None))
    for name, key in (("after", "unsigned"), ("none", "no_plan")):
        async with ward.database.write() as session:
            with pytest.raises(PlanError) as found:
                await service.enrol(
                    session,
                    name,
                    ward.people[0],
                    anchor_date=date(2026, 11, 22),
                    source="nurse",
                    now=ward.clock.now(),
                )
            assert found.value.key == key


async def test_publishing_counts_meanings_and_wordings(ward: Ward) -> None:
    now = ward.clock.now()
    versions = []
    for one in (
        plan_of(step("a", 1)),
        plan_of(step("a", 1)),
        plan_of(step("a", 1, title="另一个名字")),
        plan_of(step("a", 2)),
        plan_of(step("a", 2), stops=["refused"]),
    ):
        async with ward.database.write() as session:
            row = await publishing.publish(session, one, None, now)
            versions.append((row.version, row.revision))
    assert versions == [(1, 1), (1, 1), (1, 2), (2, 1), (3, 1)]
    async with ward.database.write() as session:
        assert len(await publishing.history(session, "after")) == 4
        assert await publishing.retire(session, "after", now)
        assert await publishing.current(session, "after") is None


async def test_shipped_plans_are_published_once(ward: Ward) -> None:
    for _ in range(2):
        async with ward.database.write() as session:
            files = await publishing.publish_shipped(session, ward.clock.now())
    async with ward.database.read() as session:
        found = await publishing.all_current(session)
        running = await publishing.running(session)
    assert len(found) == files >= 1
    assert "post_discharge" in running
