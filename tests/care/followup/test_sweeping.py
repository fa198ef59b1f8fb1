"""The nightly sweep when things go wrong: killed in the middle, two at once, the clock jumping; and how each loss may end."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from care.desk.models import DeskTask
from care.followup import losses as ending
from care.followup.lost import Sweep
from care.followup.models import RUNNING, FollowUpCall, Loss, LossReason, Stage
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World
from tests.care.followup.test_lost import OLD, START, Writes, chronic, losses

ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from datetime import datetime
import server.tables
from care.followup import lost
from store import crypto
from store.clock import VirtualClock
from store.database import Database

crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))
lost.BATCH = 1
done = 0

async def hang():
    global done
    done += 1
    if done > 1:
        print("in the middle", flush=True)
        await asyncio.sleep(600)

ring = lost._ring

async def rung(*args):
    await ring(*args)
    await hang()

async def nobody(session, loss, now):
    return False

lost._ring = rung

async def main(url, now):
    clock = VirtualClock()
    clock.freeze(datetime.fromisoformat(now))
    await lost.Sweep(Database(url), clock, nobody).run()

asyncio.run(main(*sys.argv[1:]))
"""


async def killed(database: Database, clock: VirtualClock) -> None:
    """A sweep in a process of its own that dies inside the transaction of the second patient's step."""
    url = database.url.render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, clock.now().isoformat(), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 120) == b"in the middle\n"
    child.kill()
    await child.wait()


async def everybody(database: Database, world: World) -> list[UUID]:
    people = [world.wang, world.lijing, world.zhang]
    for one in people:
        await chronic(database, world, one, OLD)
    return people


async def tasks(database: Database) -> Counter[UUID | None]:
    async with database.read() as session:
        return Counter(await session.scalars(select(DeskTask.patient_id)))


async def calls(database: Database) -> Counter[UUID]:
    async with database.read() as session:
        return Counter(await session.scalars(select(FollowUpCall.patient_id)))


async def test_killed_in_the_middle_of_a_sweep(database: Database, clock: VirtualClock, world: World) -> None:
    """What was done stays, the rest is done once."""
    clock.freeze(START)
    people = await everybody(database, world)
    sweep = Sweep(database, clock, Writes(reaches=False))
    await sweep.run()
    clock.advance(timedelta(days=7))
    await killed(database, clock)
    assert sum((await calls(database)).values()) == 1
    assert (await sweep.run()).moved == 2
    assert await tasks(database) == await calls(database) == Counter(people)
    assert {one.stage for one in (await losses(database)).values()} == {Stage.CALL}


async def test_two_sweepers_at_once(database: Database, clock: VirtualClock, world: World) -> None:
    clock.freeze(START)
    people = await everybody(database, world)
    other = Database(database.url.render_as_string(hide_password=False))
    writes = Writes()
    sweeps = [Sweep(database, clock, writes), Sweep(other, clock, writes)]
    try:
        for _ in range(3):
            await asyncio.gather(*(one.run() for one in sweeps * 2))
            clock.advance(timedelta(days=7))
        async with database.write() as session:
            for one in people:
                await patients.set_status(
                    session,
                    await session.get_one(Patient, one),
                    PatientStatus.MOVED,
                    at=clock.now(),
                    actor="t",
                )
        await asyncio.gather(*(one.run() for one in sweeps * 2))
    finally:
        await other.close()
    assert await tasks(database) == await calls(database) == Counter(people)
    assert sorted(set(writes.to)) == sorted(people)
    async with database.read() as session:
        told = await session.scalars(
            select(PatientEvent.patient_id).where(PatientEvent.kind == "followup.lost")
        )
        assert Counter(told) == Counter(people)
        assert await session.scalar(select(func.count()).select_from(Loss)) == 3


async def test_the_clock_jumps_on_and_back(database: Database, clock: VirtualClock, world: World) -> None:
    """On over everything: no stage is left out and each has its days; back again: nothing is told a second time."""
    clock.freeze(START)
    await chronic(database, world, world.wang, OLD)
    writes = Writes()
    sweep = Sweep(database, clock, writes)
    await sweep.run()
    for jump in (60, -90, 0, 90, -1):
        clock.advance(timedelta(days=jump))
        await sweep.run()
        assert (await losses(database))[world.wang].stage == Stage.PATIENT, "its seven days are not over"
    assert writes.to == [world.wang]
    clock.advance(timedelta(days=8))
    for _ in range(2):
        await sweep.run()
    assert (await losses(database))[world.wang].stage == Stage.CALL
    clock.freeze(START)
    await sweep.run()
    assert await tasks(database) == await calls(database) == Counter([world.wang])


async def test_every_stage_ends_with_every_reason(
    database: Database, clock: VirtualClock, world: World
) -> None:
    """Lost once, with its reason; found again and counted, except the dead."""
    now = clock.now()
    people = [world.wang, world.lijing, world.zhang]
    alive = [one for one in LossReason if one is not LossReason.DIED]
    back = 0
    async with database.write() as session:
        for number, reason in enumerate([*alive, LossReason.DIED]):
            for who, stage in zip(people, RUNNING, strict=True):
                row = Loss(
                    patient_id=who, rule="chronic", since=OLD + timedelta(days=number), stage=stage, reason=LossReason.OVERDUE,
                    told=True, noticed_at=now, stage_at=now, next_at=now,
                )  # fmt: skip
                session.add(row)
                await session.flush()
                for _ in range(2):
                    await ending.lose(session, who, reason, now)
                await session.refresh(row)
                assert (row.stage, row.reason, row.closed_at) == (Stage.LOST, reason, now)
                found = [await ending.recover(session, who, "visit", now) for _ in range(2)]
                assert found == ([0, 0] if reason is LossReason.DIED else [1, 0])
                back += found[0]
    async with database.read() as session:
        kinds = Counter(
            await session.scalars(select(PatientEvent.kind).where(PatientEvent.kind.startswith("followup.")))
        )
        assert await session.scalar(select(func.count()).select_from(Loss)) == 3 * len(LossReason)
    assert kinds == {"followup.lost": 3 * len(LossReason), "followup.recovered": back}


async def test_who_was_given_up_and_then_died_is_not_looked_for_again(
    database: Database, clock: VirtualClock, world: World
) -> None:
    """One row, with the last reason."""
    now = clock.now()
    async with database.write() as session:
        for reason in (LossReason.UNREACHABLE, LossReason.DIED, LossReason.DIED, LossReason.UNREACHABLE):
            await ending.lose(session, world.wang, reason, now)
        assert await ending.recover(session, world.wang, "reply", now) == 0
        rows = (await session.scalars(select(Loss))).all()
        assert [(one.stage, one.reason) for one in rows] == [(Stage.LOST, LossReason.DIED)]


async def test_who_left_the_account_and_does_not_answer_is_still_who_left(
    database: Database, clock: VirtualClock, world: World
) -> None:
    now: datetime = clock.now()
    async with database.write() as session:
        session.add(
            Loss(
                patient_id=world.wang, rule="chronic", since=OLD, stage=Stage.CALL, reason=LossReason.UNFOLLOWED, told=True,
                noticed_at=now, stage_at=now,
            )
        )  # fmt: skip
        await session.flush()
        await ending.lose(session, world.wang, LossReason.UNREACHABLE, now)
    assert (await losses(database))[world.wang].reason == LossReason.UNFOLLOWED
