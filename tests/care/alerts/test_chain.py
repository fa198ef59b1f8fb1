"""Nurse, head nurse, doctor on duty: the chain goes on until somebody acknowledges, whoever dies on the way."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from care.alerts import chain, escalating, service
from care.alerts.models import Alert, AlertKind, Outcome
from care.desk.models import DeskTask
from care.duty.models import Position
from care.reach.models import StaffNotice
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.alerts.ward import Ward
from web.signin.models import Role, StaffUser

NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


async def test_the_chain_from_nurse_to_everybody(ward: Ward) -> None:
    await ward.staff(nurse=Role.NURSE, head=Role.NURSE, doctor=Role.DOCTOR, operator=Role.OPERATOR)
    await ward.on_roster("nurse", Position.NURSE)
    await ward.on_roster("head", Position.HEAD_NURSE)
    await ward.on_roster("doctor", Position.DOCTOR)
    alert = await ward.rings()
    assert (alert.severity, alert.level, alert.owner_id) == ("emergency", 0, ward.people["nurse"])
    assert await ward.words() == [("nurse", "sms"), ("nurse", "wecom")], "away from the screen: word at once"
    assert await ward.later(minutes=2) == 0, "not due yet"
    assert await ward.later(minutes=1) == 1
    assert await ward.later(minutes=3) == 1
    stands = await ward.now(alert)
    assert (stands.level, stands.owner_id, stands.status) == (2, ward.people["doctor"], "open")
    assert stands.escalated_at == ward.clock.now()
    for _ in range(2):
        assert await ward.later(minutes=5) == 1
    everybody = ["doctor", "head", "nurse", "operator"]
    assert await ward.steps(alert) == [
        ("opened", 0, ["nurse"], "roster"),
        ("escalated", 1, ["head"], "roster"),
        ("escalated", 2, ["doctor"], "roster"),
        ("repeated", 2, everybody, "all"),
        ("repeated", 2, everybody, "all"),
    ], "never silent"
    async with ward.database.read() as session:
        rows = await session.execute(
            select(AuditRow.action, AuditRow.actor)
            .where(AuditRow.subject == f"alert:{alert.id}")
            .order_by(AuditRow.id)
        )
        assert [row[0] for row in rows] == [
            "alert.open",
            *["alert.escalate"] * 2,
            *["alert.repeat"] * 2,
        ]


async def test_with_nobody_on_the_roster_everybody_with_the_role_is_called(ward: Ward) -> None:
    await ward.staff(anna=Role.NURSE, bea=Role.NURSE, doctor=Role.DOCTOR, operator=Role.OPERATOR)
    alert = await ward.rings()
    assert alert.owner_id is None
    await ward.later(minutes=3)
    await ward.later(minutes=3)
    await ward.later(minutes=5)
    assert await ward.steps(alert) == [
        ("opened", 0, ["anna", "bea"], "role"),
        ("escalated", 1, ["anna", "bea"], "role"),
        ("escalated", 2, ["doctor"], "role"),
        ("repeated", 2, ["anna", "bea", "doctor", "operator"], "all"),
    ]


async def test_a_house_without_any_staff_still_knows(ward: Ward) -> None:
    alert = await ward.rings()
    for minutes in (3, 3, 5, 5):
        await ward.later(minutes=minutes)
    assert [kind for kind, *_ in await ward.steps(alert)] == ["opened"], "nobody to call, and nothing claimed"
    stands = await ward.now(alert)
    assert stands.status == "open" and stands.due_at is not None and stands.due_at > ward.clock.now()


async def test_at_night_only_an_emergency_wakes_who_is_not_on_the_roster(
    ward: Ward, clock: VirtualClock
) -> None:
    clock.freeze(NIGHT)
    await ward.staff(day=Role.NURSE, doctor=Role.DOCTOR)
    urgent = await ward.rings(kind=AlertKind.RED_FLAG, text="伤口渗液")
    assert await ward.words() == []
    assert urgent.due_at == NIGHT + timedelta(hours=6, minutes=15), "a quarter of an hour into the day"
    await ward.on_roster("doctor", Position.DOCTOR)
    second = await ward.rings(kind=AlertKind.RED_FLAG, text="伤口红肿")
    async with ward.database.write() as session:
        await session.execute(update(Alert).values(due_at=clock.now()))
    await ward.later(minutes=1)
    assert (await ward.steps(second))[-1] == ("escalated", 2, ["doctor"], "roster"), (
        "past the head nurse nobody put on the roster"
    )
    assert {who for who, _ in await ward.words()} == {"doctor"}
    await ward.rings()
    assert {who for who, _ in await ward.words()} == {"doctor", "day"}


async def test_two_acknowledge_at_once(ward: Ward) -> None:
    await ward.staff(anna=Role.NURSE, bea=Role.NURSE)
    alert = await ward.rings()

    async def take(name: str) -> bool:
        async with ward.database.write(name) as session:
            return await service.acknowledge(
                session, alert.id, staff_id=ward.people[name], now=ward.clock.now()
            )

    done = dict(zip(("anna", "bea"), await asyncio.gather(take("anna"), take("bea")), strict=True))
    assert sorted(done.values()) == [False, True]
    winner = next(name for name, won in done.items() if won)
    stands = await ward.now(alert)
    assert stands.owner_id == stands.acknowledged_by == ward.people[winner]
    assert [kind for kind, *_ in await ward.steps(alert)] == ["opened", "acknowledged"]
    assert await ward.words("queued") == [], "word that has not left need not leave any more"
    async with ward.database.read() as session:
        task = (await session.scalars(select(DeskTask))).one()
    assert (task.status, task.assigned_to) == ("taken", ward.people[winner])


async def test_a_worker_killed_between_claim_and_step_has_done_nothing(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ward.staff(nurse=Role.NURSE, doctor=Role.DOCTOR)
    alert = await ward.rings()

    class Killed(BaseException):
        pass

    async def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(escalating.steps, "call_up", dies)  # after the alert was moved, before the commit
        with pytest.raises(Killed):
            await ward.later(minutes=3)
    assert len(await ward.steps(alert)) == 1
    assert (await ward.now(alert)).level == 0
    assert await ward.later(seconds=1) == 0, "still leased"
    async with ward.database.write() as session:  # leases run in real time: it runs out
        await session.execute(update(Alert).values(lease_until=ward.clock.now() - timedelta(days=400)))
    assert await ward.later(seconds=1) == 1
    assert [kind for kind, *_ in await ward.steps(alert)] == ["opened", "escalated"]
    async with ward.database.read() as session:
        twice = select(StaffNotice.dedup_key).group_by(StaffNotice.dedup_key).having(func.count() > 1)
        assert (await session.scalars(twice)).all() == []


async def test_an_acknowledgement_in_the_middle_of_an_escalation_wins(ward: Ward) -> None:
    await ward.staff(nurse=Role.NURSE, doctor=Role.DOCTOR)
    alert = await ward.rings()
    token = new_id()
    async with ward.database.write() as session:
        await session.execute(update(Alert).values(lease_token=token))
    async with ward.database.write() as session:
        assert await service.acknowledge(
            session, alert.id, staff_id=ward.people["nurse"], now=ward.clock.now()
        )
    async with ward.database.write() as session:
        assert not await escalating.go_on(session, alert.id, token, ward.clock.now())
    assert (await ward.now(alert)).level == 0


async def test_what_is_acknowledged_and_forgotten_is_called_up_again(ward: Ward) -> None:
    await ward.staff(nurse=Role.NURSE, head=Role.NURSE)
    await ward.on_roster("head", Position.HEAD_NURSE)
    alert = await ward.rings()
    async with ward.database.write() as session:
        await service.acknowledge(session, alert.id, staff_id=ward.people["nurse"], now=ward.clock.now())
    assert await ward.later(minutes=59) == 0
    assert await ward.later(minutes=1) == 1
    assert (await ward.steps(alert))[-1] == ("reminded", 0, ["head", "nurse"], "roster")


async def test_a_called_off_alarm_waits_longer_but_is_not_forgotten(ward: Ward) -> None:
    await ward.staff(nurse=Role.NURSE)
    alert = await ward.rings()
    async with ward.database.write() as session:
        assert await service.false_alarm(session, alert.id, now=ward.clock.now())
        assert not await service.false_alarm(session, alert.id, now=ward.clock.now())
    assert await ward.later(minutes=10) == 0
    assert await ward.later(hours=2) == 1


async def test_closing_may_be_taken_back_for_a_minute_by_who_closed(ward: Ward) -> None:
    await ward.staff(nurse=Role.NURSE, other=Role.NURSE)
    alert, nurse = await ward.rings(), ward.people["nurse"]

    async def close_() -> bool:
        async with ward.database.write() as session:
            return await service.close(
                session, alert.id, staff_id=nurse, now=ward.clock.now(), outcome=Outcome.CALLED, note="已通话"
            )

    async def reopen(by: str) -> bool:
        async with ward.database.write() as session:
            return await service.reopen(session, alert.id, staff_id=ward.people[by], now=ward.clock.now())

    assert await close_()
    assert not await close_()
    assert not await reopen("other")
    assert await reopen("nurse")
    stands = await ward.now(alert)
    assert (stands.status, stands.outcome, stands.owner_id) == ("acknowledged", None, nurse)
    assert await close_()
    ward.clock.advance(timedelta(seconds=61))
    assert not await reopen("nurse")
    assert [kind for kind, *_ in await ward.steps(alert)] == ["opened", "closed", "reopened", "closed"]
    async with ward.database.read() as session:
        assert (await session.scalars(select(DeskTask.status))).one() == "done"


async def test_whoever_left_the_house_is_not_called(ward: Ward) -> None:
    await ward.staff(gone=Role.NURSE, here=Role.NURSE)
    await ward.on_roster("gone", Position.NURSE)
    async with ward.database.write() as session:
        await session.execute(update(StaffUser).where(StaffUser.username == "gone").values(active=False))
    alert = await ward.rings()
    assert (await ward.steps(alert))[0] == ("opened", 0, ["here"], "role")


async def test_the_departments_own_nurse_comes_first(database: Database, ward: Ward) -> None:
    await ward.staff(eye=Role.NURSE, house=Role.NURSE)
    department = new_id()
    await ward.on_roster("house", Position.NURSE)
    await ward.on_roster("eye", Position.NURSE, department_id=department)
    assert (await ward.rings(department_id=department)).owner_id == ward.people["eye"]
    assert (await ward.rings(department_id=new_id())).owner_id == ward.people["house"]
    assert (await ward.rings()).owner_id == ward.people["house"], "not the department's, and the least busy"


def test_the_shipped_numbers_are_whole(clock: VirtualClock) -> None:
    waits = chain.current().waits
    assert waits["emergency"].acknowledge[0] < waits["urgent"].acknowledge[0] < waits["soon"].acknowledge[0]
    assert waits["emergency"].any_hour
