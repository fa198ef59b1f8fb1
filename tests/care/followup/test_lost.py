"""Overdue: first the doctor, then the patient, then a call; found again; nobody twice, whoever dies in between."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from care.consents import service as consents
from care.consents.models import Purpose
from care.desk.models import DeskTask
from care.followup import lost
from care.followup.lost import Sweep
from care.followup.models import CallStatus, FollowUpCall, Loss, Stage
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientStatus
from care.records.models import Encounter, EncounterKind
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # Monday 04:00 in China
OLD = date(2026, 6, 1)


class Writes:
    """Stands for `actions.followup.inviting`, which its own test covers: whom it would write to."""

    def __init__(self, reaches: bool = True) -> None:
        self.reaches, self.to = reaches, list[UUID]()

    async def __call__(self, session: object, loss: Loss, now: datetime) -> bool:
        self.to.append(loss.patient_id)
        return self.reaches


async def chronic(database: Database, world: World, who: UUID, *visits: date) -> None:
    async with database.write() as session:
        session.add(
            Condition(patient_id=who, code="I10.x02", display="高血压", recorded_date=date(2025, 1, 1))
        )
        for day in visits:
            session.add(
                Encounter(
                    patient_id=who,
                    kind=EncounterKind.OUTPATIENT,
                    department_id=world.eye,
                    start_date=day,
                    end_date=day,
                )
            )


async def losses(database: Database) -> dict[UUID, Loss]:
    async with database.read() as session:
        return {one.patient_id: one for one in await session.scalars(select(Loss))}


async def test_the_ladder_from_doctor_to_call(database: Database, clock: VirtualClock, world: World) -> None:
    clock.freeze(START)
    await chronic(database, world, world.wang, OLD)
    await chronic(database, world, world.lijing, date(2026, 10, 1))
    writes = Writes()
    sweep = Sweep(database, clock, writes)
    assert (await sweep.run()).noticed == 1
    row = (await losses(database))[world.wang]
    assert (row.stage, row.since, row.department_id) == (Stage.DOCTOR, OLD, world.eye)
    async with database.read() as session:
        task = (await session.scalars(select(DeskTask))).one()
        assert task.kind == "follow_up" and "2026-06-01" in (task.note or "")
    assert (await sweep.run()).noticed == 0 and writes.to == []
    clock.advance(timedelta(days=7))
    await sweep.run()
    await sweep.run()
    assert writes.to == [world.wang]
    clock.advance(timedelta(days=7))
    await sweep.run()
    await sweep.run()
    assert (await losses(database))[world.wang].stage == Stage.CALL
    async with database.read() as session:
        call = (await session.scalars(select(FollowUpCall))).one()
        assert (call.source, call.script, call.patient_id) == ("lost", "revisit", world.wang)


async def test_a_visit_brings_back_and_ends_what_was_begun(
    database: Database, clock: VirtualClock, world: World
) -> None:
    clock.freeze(START)
    await chronic(database, world, world.wang, OLD)
    sweep = Sweep(database, clock, Writes(reaches=False))
    await sweep.run()
    clock.advance(timedelta(days=7))
    await sweep.run()  # nobody to write to: rung at once
    row = (await losses(database))[world.wang]
    assert (row.stage, row.reason) == (Stage.CALL, "unreachable")
    await chronic_visit(database, world, date(2026, 11, 28))
    assert (await sweep.run()).recovered == 1
    assert (await sweep.run()).recovered == 0
    row = (await losses(database))[world.wang]
    assert (row.stage, row.recovered_by) == (Stage.RECOVERED, "visit")
    async with database.read() as session:
        assert (await session.scalars(select(FollowUpCall))).one().status == CallStatus.DROPPED
        assert (await session.scalars(select(DeskTask))).one().status == "done"
    clock.advance(timedelta(days=100))
    assert (await sweep.run()).noticed == 1


async def chronic_visit(database: Database, world: World, day: date) -> None:
    async with database.write() as session:
        session.add(
            Encounter(
                patient_id=world.wang,
                kind=EncounterKind.OUTPATIENT,
                department_id=world.eye,
                start_date=day,
                end_date=day,
            )
        )


async def test_the_dead_and_those_who_refused_are_left_alone(
    database: Database, clock: VirtualClock, world: World
) -> None:
    clock.freeze(START)
    await chronic(database, world, world.wang, OLD)
    await chronic(database, world, world.zhang, OLD)
    writes = Writes()
    sweep = Sweep(database, clock, writes)
    await sweep.run()
    async with database.write() as session:
        dead = await session.get_one(Patient, world.wang)
        await patients.set_status(session, dead, PatientStatus.DIED, at=clock.now(), actor="test")
        await consents.decide(
            session,
            subject="patient",
            subject_id=world.zhang,
            purpose=Purpose.FOLLOW_UP,
            granted=False,
            text_version="1",
            channel="phone",
            now=clock.now(),
        )
    clock.advance(timedelta(days=8))
    await sweep.run()
    found = await losses(database)
    assert (found[world.wang].stage, found[world.wang].reason) == (Stage.LOST, "died")
    assert (found[world.zhang].stage, found[world.zhang].reason) == (Stage.LOST, "refused")
    assert writes.to == []
    await chronic_visit(database, world, date(2026, 11, 30))  # a record that came late
    assert (await sweep.run()).recovered == 0
    clock.advance(timedelta(days=200))
    assert (await sweep.run()).noticed == 0


async def test_killed_at_any_step_it_goes_on_where_it_was(
    database: Database, clock: VirtualClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.freeze(START)
    await chronic(database, world, world.wang, OLD)

    class Dies(Writes):
        async def __call__(self, session: object, loss: Loss, now: datetime) -> bool:
            await super().__call__(session, loss, now)
            raise RuntimeError("killed")

    sweep = Sweep(database, clock, Dies())
    with monkeypatch.context() as patch:
        patch.setattr(lost, "_tell_doctor", _killed)
        with pytest.raises(RuntimeError):
            await sweep.run()
    assert not (await losses(database))[world.wang].told
    await sweep.run()
    clock.advance(timedelta(days=8))
    with pytest.raises(RuntimeError):
        await sweep.run()
    assert (await losses(database))[world.wang].stage == Stage.DOCTOR
    writes = Writes()
    await Sweep(database, clock, writes).run()
    assert writes.to == [world.wang]
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(DeskTask)) == 1


async def _killed(*_: object) -> None:
    raise RuntimeError("killed")
