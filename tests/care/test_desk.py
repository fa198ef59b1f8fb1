"""Alerts, desk tasks, hand-off and duty hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.desk import service as desk
from care.desk.hours import DutyHours
from care.desk.models import TaskKind
from care.patients import service as patients
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

HOURS = DutyHours.parse("Mon-Fri 08:00-12:00 13:30-17:30; Sat 08:00-12:00")


async def test_an_alert_opens_once_a_message_with_its_task(
    database: Database, world: World, clock: VirtualClock
) -> None:
    inbound, nurse = uuid4(), uuid4()
    for expected in (True, False):
        async with database.write() as session:
            alert, new = await alerts.open_alert(
                session,
                AlertKind.EMERGENCY,
                text="胸口压得慌",
                inbound_id=inbound,
                patient_id=world.wang,
                now=clock.now(),
            )
            assert new is expected
            assert alert.text == "胸口压得慌"
    async with database.write() as session:
        crisis, new = await alerts.open_alert(
            session, AlertKind.CRISIS, text="不想活了", inbound_id=inbound, now=clock.now()
        )
        assert new, "another kind of the same message is another alert"
        assert [row.id for row in await alerts.open_alerts(session)] == [alert.id, crisis.id]
        tasks = await desk.open_tasks(session, kind=TaskKind.ALERT)
        assert [(task.patient_id, task.due_at) for task in tasks] == [
            (world.wang, clock.now()),
            (None, clock.now()),
        ]
        told = await patients.timeline(session, world.wang, kinds=["alert.opened"])
        assert [event.data["alert"] for event in told] == ["emergency"]
    async with database.write() as session:
        assert await alerts.false_alarm(session, alert.id, now=clock.now())
        assert [row.id for row in await alerts.open_alerts(session)] == [crisis.id, alert.id]
        assert await alerts.acknowledge(session, crisis.id, staff_id=nurse, now=clock.now())
        assert not await alerts.acknowledge(session, crisis.id, staff_id=uuid4(), now=clock.now())
        assert await alerts.close(session, crisis.id, staff_id=nurse, now=clock.now(), note="已联系家属")
        assert not await alerts.close(session, crisis.id, staff_id=nurse, now=clock.now())
    async with database.read() as session:
        assert [row.id for row in await alerts.open_alerts(session)] == [alert.id]
        assert len(await desk.open_tasks(session)) == 1


async def test_an_alert_needs_something_to_be_known_by(database: Database, clock: VirtualClock) -> None:
    async with database.write() as session:
        with pytest.raises(ValueError, match="dedup_key"):
            await alerts.open_alert(session, AlertKind.RED_FLAG, text="x", now=clock.now())


async def test_tasks_are_opened_taken_and_done_once(database: Database, clock: VirtualClock) -> None:
    nurse, now = uuid4(), clock.now()
    async with database.write() as session:
        first, new = await desk.open_task(
            session, TaskKind.CALL, dedup_key="call:1", now=now, due_at=now, note="请回电"
        )
        again, renewed = await desk.open_task(
            session, TaskKind.CALL, dedup_key="call:1", now=now, due_at=now, note="再次"
        )
        assert (new, renewed, again.id, again.note) == (True, False, first.id, "请回电")
        await desk.open_task(
            session, TaskKind.COMPLAINT, dedup_key="c:1", now=now, due_at=now - timedelta(hours=1)
        )
        assert [task.kind for task in await desk.open_tasks(session)] == ["complaint", "call"]
        assert await desk.take_task(session, first.id, staff_id=nurse)
        assert not await desk.take_task(session, first.id, staff_id=uuid4())
        assert await desk.finish_task(session, first.id, staff_id=nurse, now=now)
        assert not await desk.finish_task(session, first.id, staff_id=nurse, now=now)
        assert [task.kind for task in await desk.open_tasks(session)] == ["complaint"]


async def test_a_conversation_waits_is_taken_and_comes_back(database: Database, clock: VirtualClock) -> None:
    conversation, nurse = uuid4(), uuid4()
    async with database.write() as session:
        assert await desk.in_charge(session, conversation) is None
        begun = await desk.start(session, conversation, clock=clock, hours=HOURS, note="想问药")
        assert begun.new
        assert not begun.on_duty, "Sunday"
        assert clock.local_naive(begun.due_at) == datetime(2026, 11, 23, 8, 30)
    async with database.write() as session:
        again = await desk.start(session, conversation, clock=clock, hours=HOURS)
        assert (again.new, again.due_at) == (False, begun.due_at)
        waiting = await desk.in_charge(session, conversation)
        assert waiting is not None
        assert (waiting.state, waiting.staff_id) == ("waiting", None)
        assert len(await desk.open_tasks(session, kind=TaskKind.HUMAN_REQUEST)) == 1
    async with database.write() as session:
        assert await desk.take(session, conversation, staff_id=nurse, now=clock.now())
        assert not await desk.take(session, conversation, staff_id=uuid4(), now=clock.now())
        taken = await desk.in_charge(session, conversation)
        assert taken is not None
        assert (taken.state, taken.staff_id) == ("taken", nurse)
    clock.advance(timedelta(minutes=20))
    async with database.write() as session:
        late = await desk.stale(session, now=clock.now(), after=timedelta(minutes=15))
        assert [row.conversation_id for row in late] == [conversation]
        await desk.touched(session, conversation, now=clock.now())
        assert not await desk.stale(session, now=clock.now(), after=timedelta(minutes=15))
        assert await desk.hand_back(session, conversation, now=clock.now(), staff_id=nurse, summary="已告知")
        assert not await desk.hand_back(session, conversation, now=clock.now())
        assert await desk.in_charge(session, conversation) is None
        assert await desk.open_tasks(session) == []
    async with database.write() as session:
        assert (await desk.start(session, conversation, clock=clock, hours=HOURS)).new
        assert len(await desk.open_tasks(session)) == 1, "a second request is a second task"


@pytest.mark.parametrize(
    ("moment", "on_duty", "answer"),
    [
        ("2026-11-23T08:00", True, "2026-11-23T08:30"),
        ("2026-11-23T07:59", False, "2026-11-23T08:30"),
        ("2026-11-23T12:00", False, "2026-11-23T14:00"),
        ("2026-11-23T17:29", True, "2026-11-23T17:59"),
        ("2026-11-27T18:00", False, "2026-11-28T08:30"),
        ("2026-11-28T12:00", False, "2026-11-30T08:30"),
    ],
)
def test_duty_hours(moment: str, on_duty: bool, answer: str) -> None:
    local = datetime.fromisoformat(moment)
    assert HOURS.on_duty(local) is on_duty
    assert HOURS.answer_by(local, timedelta(minutes=30)) == datetime.fromisoformat(answer)


def test_no_hours_promise_nothing() -> None:
    never = DutyHours.parse("")
    assert never.answer_by(datetime(2026, 11, 23, 9, 0), timedelta(minutes=30)) is None


@pytest.mark.parametrize("text", ["Mon-Fri", "Fri-Mon 08:00-12:00", "Foo 08:00-09:00", "Mon 12:00-08:00"])
def test_wrong_hours_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="duty hours"):
        DutyHours.parse(text)
