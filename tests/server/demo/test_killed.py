"""The demo's play killed in the middle of its second day's facts: the next start goes on, two that start at once play once, nothing twice."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from care.consents.models import Consent
from care.demo.cohort import cohort
from care.patients.models import Condition, Patient
from care.plans.models import CarePlan
from care.records.models import Encounter, Procedure
from channels.outbox.models import OutboundMessage
from server.demo.following import play_follow_up
from server.demo.models import DemoPlay
from server.house import build
from server.serve import seed
from server.settings import ROOT, Settings
from store.clock import VirtualClock, real_now

DAYS = 5
CHILD = """
import asyncio, sys
from datetime import datetime
from care.demo import cohort
from server.demo import following
from server.house import build
from server.settings import Settings
from store.clock import VirtualClock

async def main(folder, url, now):
    settings = Settings(var_dir=folder, database_url=url, wechat_base_url="http://127.0.0.1:9")
    clock = VirtualClock(zone=settings.time_zone)
    clock.freeze(datetime.fromisoformat(now))
    happens, days = cohort.happens, set()

    async def hangs(session, one, at):
        await happens(session, one, at)
        days.add(one.day)
        if len(days) == 2:
            await session.flush()
            print("in the middle", flush=True)
            await asyncio.sleep(600)

    cohort.happens = hangs
    await following.play_follow_up(build(settings, clock), int(sys.argv[4]))

asyncio.run(main(*sys.argv[1:4]))
"""


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    (tmp_path / "models").symlink_to(ROOT / "var" / "models")
    path = tmp_path / "demo.db"
    path.write_bytes(sqlite_template.read_bytes())
    return Settings(
        var_dir=tmp_path, database_url=f"sqlite+aiosqlite:///{path}", wechat_base_url="http://127.0.0.1:9"
    )


async def _killed(settings: Settings, clock: VirtualClock) -> None:
    arguments = (str(settings.var_dir), settings.database, clock.now().isoformat(), str(DAYS))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    while (line := await asyncio.wait_for(child.stdout.readline(), 300)) != b"in the middle\n":
        assert line, "the child ended by itself"
    child.kill()
    await child.wait()


async def test_killed_in_the_middle_it_goes_on_and_two_starts_play_once(
    settings: Settings, clock: VirtualClock
) -> None:
    house, other = build(settings, clock), build(settings, clock)
    try:
        await seed(house)
        people = {one.patient_id: one for one in cohort(clock.local().date())}
        await _killed(settings, clock)
        async with house.database.write() as session:
            (row,) = await session.scalars(select(DemoPlay))
            assert row.come_to is not None and row.ended_at is None
            await session.execute(update(DemoPlay).values(lease_until=real_now().replace(year=2000)))
        played = await asyncio.gather(play_follow_up(house, DAYS), play_follow_up(other, DAYS))
        assert sorted(played) == [False, True]
        async with house.database.read() as session:
            (row,) = await session.scalars(select(DemoPlay))
            stays = Counter(await session.scalars(select(Encounter.patient_id)))
            operations = Counter(await session.scalars(select(Procedure.patient_id)))
            found = select(Condition.patient_id).where(Condition.patient_id.in_(people))
            diagnoses = Counter(await session.scalars(found))
            here = set(await session.scalars(select(Patient.id).where(Patient.id.in_(people))))
            agreed = select(func.count()).where(Consent.subject_id.in_(here), Consent.channel == "front_desk")
            consents = await session.scalar(agreed)
            plans = Counter((await session.execute(select(CarePlan.patient_id, CarePlan.plan))).tuples())
            newest = await session.scalar(select(func.max(OutboundMessage.created_at)))
        assert row.ended_at is not None and row.lease_token is None
        facts = [one for one in here if not people[one].lost]
        assert len(facts) > 2 and diagnoses == Counter(here), "each one's fact is there, and once"
        for one in facts:
            what = people[one].fact["fact"]
            assert (stays[one], operations[one]) == ((0, 1) if what == "surgery" else (1, 0))
        assert consents == 5 * len(here)
        assert set(plans.values()) == {1} and set(facts) & {who for who, _ in plans}
        assert newest is not None and newest <= clock.now()
    finally:
        await house.close()
        await other.close()
