"""A process killed while an audience is put into a plan, inside the transaction that does it: nobody is in twice, nobody is lost."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select, update

from care.patients.models import Patient
from care.plans.joining.models import PlanEnrolment, State
from care.plans.models import CarePlan, Touch
from store.clock import real_now
from store.ids import new_id
from tests.care.plans.conftest import Ward
from tests.care.plans.joining.test_joining import PLAN, Ground
from tests.care.plans.joining.test_joining import ground as ground

ROOT = Path(__file__).parents[4]
CHILD = """
import asyncio, sys
from datetime import datetime
import server.tables
from care.plans.joining import service as joining
from server.plans import AudienceOffers
from store import crypto
from store.clock import VirtualClock
from store.database import Database

async def main(url, now, whole):
    crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))
    clock = VirtualClock()
    clock.freeze(datetime.fromisoformat(now))
    joining.BATCH, left, join = 1, int(whole), joining.join

    async def hangs(session, *given):
        nonlocal left
        done = await join(session, *given)
        await session.flush()
        left -= 1
        if left < 0:
            print("in the middle", flush=True)
            await asyncio.sleep(600)
        return done

    joining.join = hangs
    await joining.work(Database(url), clock, AudienceOffers(clock))

asyncio.run(main(*sys.argv[1:]))
"""


async def _killed(ward: Ward, whole: int) -> None:
    """Another process puts `whole` people in, writes the next one, and dies before it commits."""
    url = ward.database.url.render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, ward.clock.now().isoformat(), str(whole), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )  # fmt: skip
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 120) == b"in the middle\n"
    child.kill()
    await child.wait()


async def _lease_over(ward: Ward) -> None:
    async with ward.database.write() as session:
        over = real_now().replace(year=2000)
        await session.execute(update(PlanEnrolment).values(lease_until=over))


async def test_killed_again_and_again_while_an_audience_is_put_in(ward: Ward, ground: Ground) -> None:
    form = new_id()
    assert await ground.begin(form, day=ward.today)
    await _killed(ward, 1)
    row = await ground.row(form)
    assert (row.state, row.joined) == (State.RUNNING, 1), "the count moves with what is written"
    assert await ground.work() == 0, "what the dead process had in hand is still leased"
    await _lease_over(ward)
    await _killed(ward, 1)
    assert (await ground.row(form)).joined == 2, "the next one goes on where the first has come to"
    await _lease_over(ward)
    assert await ground.work() == 2
    row = await ground.row(form)
    assert (row.state, row.joined, row.after) == (State.DONE, 4, None)
    assert await ground.work() == 0
    async with ward.database.read() as session:
        everyone = set(await session.scalars(select(Patient.id)))
        joined = list(await session.scalars(select(CarePlan.patient_id)))
        touches = Counter(await session.scalars(select(Touch.patient_id)))
        marked = await session.scalar(select(func.count()).where(CarePlan.enrolment_id == form))
    assert sorted(joined) == sorted(everyone) and marked == 4
    assert set(touches.values()) == {len(PLAN.steps)} and set(touches) == everyone
