"""Asking for a person, complaining: a task, and an honest time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from actions.desk import promised
from actions.services import Services
from care.desk.hours import DutyHours
from care.desk.models import DeskTask
from store.clock import VirtualClock
from store.database import Database
from tests.factories.stage import stage


@pytest.fixture(autouse=True)
def weekdays(services: Services) -> None:
    services.duty_hours = DutyHours.parse("Mon-Fri 08:00-17:30")


async def kinds(database: Database) -> list[str]:
    async with database.read() as session:
        return [str(task.kind) for task in await session.scalars(select(DeskTask).order_by(DeskTask.id))]


async def test_off_duty_the_next_working_day_is_promised(services: Services, database: Database) -> None:
    """It is Sunday."""
    on = await stage(services)
    assert await on.say("转人工", "request_human") == ["human.off_duty"]
    assert on.last.params["until"].startswith("11月23日")
    assert len(await kinds(database)) == 1
    assert await on.say("人呢", "request_human") == ["human.already"]
    assert len(await kinds(database)) == 1


async def test_on_duty_half_an_hour_is_promised(services: Services, clock: VirtualClock) -> None:
    clock.advance(timedelta(days=1, hours=1))
    on = await stage(services)
    assert await on.say("转人工", "request_human") == ["human.on_duty"]
    assert on.last.params["until"] == "上午10:30"


async def test_a_complaint_is_a_task_with_its_words(services: Services, database: Database) -> None:
    on = await stage(services)
    assert await on.say("等了三个小时没人管", "complain") == ["complain.sorry"]
    async with database.read() as session:
        task = (await session.scalars(select(DeskTask))).one()
    assert (str(task.kind), task.note, task.contact_id) == ("complaint", "等了三个小时没人管", on.contact_id)


def test_a_promise_names_the_day_when_it_is_not_today(services: Services) -> None:
    assert promised(services, datetime(2026, 11, 22, 7, 30, tzinfo=UTC)) == "下午15:30"
    assert promised(services, datetime(2026, 11, 24, 0, 0, tzinfo=UTC)).startswith("11月24日")
