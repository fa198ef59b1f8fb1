"""kill -9 at every step of a booking: the place is never given twice and never lost; the patient who asks again has one appointment."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import LIVE, Appointment, Slot, SlotHold
from care.appointments.rules import RULES
from care.appointments.views import Booked, Held, Refused, Why
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World


@pytest.fixture(scope="module")
async def dying() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.care.booking_dying", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def counts_agree(database: Database) -> None:
    """Every slot's places taken are its holds and its live appointments."""
    async with database.read() as session:
        held = select(func.count()).where(SlotHold.slot_id == Slot.id).scalar_subquery()
        live = (
            select(func.count())
            .where(Appointment.slot_id == Slot.id, Appointment.status.in_(LIVE))
            .scalar_subquery()
        )
        assert (await session.execute(select(Slot.id).where(Slot.taken != held + live))).all() == []


@pytest.mark.parametrize("point", ["held", "kept", "booked", "told"])
async def test_never_twice_and_never_lost(
    database: Database,
    database_url: str,
    clock: VirtualClock,
    world: World,
    dying: asyncio.subprocess.Process,
    point: str,
) -> None:
    async with database.read() as session:
        [slot] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
    talk, other = new_id(), new_id()
    asked = (database_url, point, slot.slot_id, world.wang, talk, clock.now().isoformat())
    assert dying.stdin is not None and dying.stdout is not None
    dying.stdin.write((" ".join(map(str, asked)) + "\n").encode())
    line = await asyncio.wait_for(dying.stdout.readline(), 240)
    assert line.decode().split() == ["ended", str(-signal.SIGKILL)]
    await counts_agree(database)

    async def ask(patient: UUID, conversation: UUID) -> Booked | Refused:
        async with database.write() as session:
            held = await appointments.hold(
                session,
                slot_id=slot.slot_id,
                patient_id=patient,
                now=clock.now(),
                conversation_id=conversation,
            )
            if not isinstance(held, Held):
                return held
            return await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="wechat")

    if point in ("kept", "told"):
        assert await ask(world.lijing, other) == Refused(Why.FULL), "the place is the first patient's"
    again = await ask(world.wang, talk)
    if point == "told":
        assert isinstance(again, Refused) and again.why == Why.SAME_HALF_DAY and again.appointment_id
    else:
        assert isinstance(again, Booked)
    await counts_agree(database)
    assert await ask(world.lijing, other) == Refused(Why.FULL)
    clock.advance(RULES.hold + timedelta(minutes=1))
    assert await ask(world.lijing, other) == Refused(Why.FULL), "booked, not held"
    await counts_agree(database)
    async with database.read() as session:
        live = select(func.count()).where(Appointment.slot_id == slot.slot_id, Appointment.status.in_(LIVE))
        assert await session.scalar(live) == 1
