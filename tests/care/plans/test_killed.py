"""A process killed in the middle of a tick, inside the transaction that sends: afterwards everything has left once, nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from care.plans.models import Touch
from channels.outbox.models import OutboundMessage
from store.clock import real_now
from tests.care.plans.conftest import Ward, plan_of, step

ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from datetime import datetime
import server.tables
import care.plans.tick
from actions.plans.together import Together
from care.plans.ports import Ports
from care.plans.tick import tick
from store import crypto
from store.clock import VirtualClock
from store.database import Database
from tests.care.plans.conftest import ways_of

async def main(url, now, after):
    crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))
    clock = VirtualClock()
    clock.freeze(datetime.fromisoformat(now))
    database = Database(url)
    care.plans.tick.TOGETHER = care.plans.tick.AT_ONCE = 1
    left = 0
    write = Together.write

    async def hang(*args):
        nonlocal left
        await write(*args)
        left += 1
        if left > int(after):
            print("in the middle", flush=True)
            await asyncio.sleep(600)

    Together.write = hang
    await tick(database, clock, Ports(ways_of(database, clock)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_in_the_middle_of_a_tick(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 1)), plan_of(step("c", 1), name="other"))
    for one in ward.people:
        await ward.discharged(one, ward.today)
    await ward.tick()
    ward.clock.freeze(ward.clock.to_utc(ward.clock.local_naive() + timedelta(days=1, hours=1)))
    url = ward.database.url.render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, ward.clock.now().isoformat(), "1", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )  # fmt: skip
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 120) == b"in the middle\n"
    child.kill()
    await child.wait()
    async with ward.database.read() as session:
        marked = await session.scalar(select(func.count()).where(Touch.outbound_key.is_not(None)))
        queued = await session.scalar(select(func.count()).select_from(OutboundMessage))
        held = await session.scalar(select(func.count()).where(Touch.lease_until > real_now()))
    assert marked == queued == 2, "one patient's two are there: a mark and its message are one transaction"
    assert held, "what the dead process had in hand is still leased"
    assert (await ward.tick()).touches == 0
    async with ward.database.write() as session:  # its lease runs out
        await session.execute(update(Touch).values(lease_until=real_now() - timedelta(seconds=1)))
    await ward.tick()
    touches = await ward.touches()
    assert sorted(one.outbound_key or "" for one in touches if one.status == "sent") == sorted(
        await ward.said()
    )
    assert len(await ward.said()) == len(set(await ward.said())) == 6, "two a day each: the cap"
    assert [one.reason for one in touches if one.status != "sent"] == ["burden_wait"] * 3
