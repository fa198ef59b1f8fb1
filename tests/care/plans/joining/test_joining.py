"""An audience put into a plan: who and who not, once however often it is pressed or dies, taken back, and kept up."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from care.consents import service as consents
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.plans import service
from care.plans.definition import Plan
from care.plans.joining import service as joining
from care.plans.joining.foresee import Foreseen, foresee
from care.plans.joining.models import PlanEnrolment, State
from care.plans.models import CarePlan
from content.audiences import service as audiences
from content.audiences.rules import Group
from server.plans import AudienceOffers
from store.audit import AuditRow
from store.ids import new_id
from tests.care.plans.conftest import Ward, plan_of, step

PLAN = plan_of(step("hello", 4), step("read", 6, "reminder"), step("far", 60))
NURSE = new_id()


class Ground:
    """Everybody as an audience."""

    def __init__(self, ward: Ward) -> None:
        self.ward, self.book = ward, AudienceOffers(ward.clock)

    async def begin(self, form: UUID, *, day: date | None = None, keep: bool = False) -> bool:
        async with self.ward.database.write() as session:
            if not (offered := await self.book.offered(session)):
                now = self.ward.clock.now()
                await audiences.create(session, name="所有人", note="", rule=Group(), now=now, staff_id=None)
                offered = await self.book.offered(session)
            return await joining.begin(
                session,
                form,
                PLAN.name,
                offered[0],
                day=day,
                keep=keep,
                expected=2,
                by=NURSE,
                now=self.ward.clock.now(),
            )

    async def work(self) -> int:
        return await joining.work(self.ward.database, self.ward.clock, self.book)

    async def row(self, form: UUID) -> PlanEnrolment:
        async with self.ward.database.read() as session:
            return await session.get_one(PlanEnrolment, form)

    async def undo(self, form: UUID) -> bool:
        async with self.ward.database.write() as session:
            return await joining.undo(session, form, by=NURSE, now=self.ward.clock.now())

    async def foreseen(self, plan: Plan = PLAN, day: date | None = None) -> Foreseen:
        async with self.ward.database.read() as session:
            rows = await self.book.offered(session)
            everyone = await self.book.of(session, rows[0].version_id)
            assert everyone is not None
            now = self.ward.clock.now()
            return await foresee(session, plan, everyone, day, self.ward.ports.rules, now)


@pytest.fixture
async def ground(ward: Ward) -> Ground:
    await ward.publish(PLAN)
    return Ground(ward)


async def test_who_joins_who_does_not_and_what_they_get(ward: Ward, ground: Ground) -> None:
    for patient_id, days in ((ward.world.wang, 3), (ward.world.lijing, 3), (ward.world.zhang, 500)):
        await ward.discharged(patient_id, ward.today - timedelta(days=days), told=False)
    async with ward.database.write() as session:
        await consents.decide(
            session, subject="patient", subject_id=ward.world.lijing, purpose=Purpose.FOLLOW_UP, granted=False,
            text_version="t", channel="wechat", now=ward.clock.now(),
        )  # fmt: skip
        child = await session.get_one(Patient, ward.world.child)
        await patients.set_status(session, child, PatientStatus.DIED, at=ward.clock.now(), actor="his")
    await ground.begin(form := new_id())
    found = await ground.foreseen()
    assert (found.total, found.joining) == (4, 1)
    assert found.left_out == {"withdrawn": 1, "over": 1, "died": 1}
    days = {one.day: dict(one.kinds) for one in found.days}
    first = ward.today + timedelta(days=1)
    assert days == {first: {"message": 1}, first + timedelta(days=2): {"reminder": 1}}
    assert (found.elsewhere, found.crowded) == (0, 0)

    assert await ground.work() == 1
    assert list((await ward.states(ward.world.wang)).values()) == ["planned"] * 3
    assert (await ground.foreseen()).left_out == {"already": 1, "withdrawn": 1, "over": 1, "died": 1}
    row = await ground.row(form)
    assert (row.state, row.joined) == (State.DONE, 1)


async def test_the_burden_of_those_in_several_plans_is_foreseen(ward: Ward, ground: Ground) -> None:
    other = plan_of(*(step(f"s{n}", n, "reminder") for n in range(1, 7)), name="other")
    await ward.publish(other)
    await ward.discharged(ward.world.wang, ward.today, told=False)
    await ground.begin(new_id(), day=ward.today)
    await ground.work()
    found = await ground.foreseen(other, ward.today)
    assert found.joining == 4 and found.elsewhere == 4 and found.theirs == 8
    assert found.crowded == 4 and found.cap == 5


async def test_sent_twice_or_dead_in_the_middle_nobody_is_in_twice(
    ward: Ward, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = new_id()
    assert await ground.begin(form, day=ward.today)
    assert not await ground.begin(form, day=ward.today)
    real, calls = joining.join, []

    async def dies(*given: object, **more: object) -> list[UUID]:
        calls.append(given)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return await real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(joining, "BATCH", 1)
    monkeypatch.setattr(joining, "join", dies)
    await ground.work()
    assert (await ground.row(form)).joined == 1
    ward.clock.advance(timedelta(minutes=2))
    assert await ground.work() == 3
    row = await ground.row(form)
    assert (row.state, row.joined, row.after) == (State.DONE, 4, None)

    await ground.begin(new_id(), day=ward.today)
    assert await ground.work() == 0
    async with ward.database.read() as session:
        rows = (await session.scalars(select(CarePlan))).all()
        acts = (await session.scalars(select(AuditRow.action))).all()
    assert len({one.patient_id for one in rows}) == len(rows) == 4
    assert list(acts).count("plan_enrolment_started") == 2


async def test_taken_back_for_those_whom_nothing_has_reached(ward: Ward, ground: Ground) -> None:
    await ward.discharged(ward.world.wang, ward.today - timedelta(days=4), told=False)
    await ward.discharged(ward.world.zhang, ward.today - timedelta(days=2), told=False)
    await ground.begin(form := new_id())
    assert await ground.work() == 2
    await ward.at(0, hour=11)
    assert (await ward.states(ward.world.wang))["hello"] == "sent"
    assert await ground.undo(form) and not await ground.undo(form)
    assert await ground.work() == 1
    row = await ground.row(form)
    assert (row.state, row.taken_out) == (State.UNDONE, 1)
    assert await ward.plans(ward.world.zhang) == [("after", "revoked", "undone")]
    assert set((await ward.states(ward.world.zhang)).values()) == {"cancelled:undone"}
    assert await ward.plans(ward.world.wang) == [("after", "active", None)]


async def test_whoever_comes_into_the_audience_later_is_put_in_at_night_until_it_is_stopped(
    ward: Ward, ground: Ground
) -> None:
    await ward.discharged(ward.world.wang, ward.today, told=False)
    await ground.begin(form := new_id(), keep=True)
    assert await ground.work() == 1
    assert (await ground.row(form)).state == State.KEEPING
    await ward.discharged(ward.world.lijing, ward.today, told=False)
    assert await ground.work() == 0
    ward.clock.advance(timedelta(days=1))
    assert await ground.work() == 1
    async with ward.database.write() as session:
        assert await joining.stop_keeping(session, form, by=NURSE, now=ward.clock.now())
    await ward.discharged(ward.world.zhang, ward.today, told=False)
    ward.clock.advance(timedelta(days=1))
    assert await ground.work() == 0 and (await ground.row(form)).state == State.DONE


async def test_nobody_is_put_in_again_who_left_it(ward: Ward, ground: Ground) -> None:
    await ground.begin(new_id(), day=ward.today)
    await ground.work()
    async with ward.database.write() as session:
        mine = CarePlan.patient_id == ward.world.wang
        (row,) = await session.scalars(select(CarePlan).where(mine))
        await service.end(session, row.id, "patient", ward.clock.now())
    assert (await ground.foreseen(day=ward.today)).left_out == {"already": 3, "left": 1}
