"""kill -9 at every step of booking, moving, cancelling and taking an offer: no place is given twice, none is lost, and who asks again has
what they asked for, once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import LIVE, Appointment, Slot, SlotHold
from care.appointments.rules import RULES
from care.appointments.views import Booked, Cancelled, Held, Refused, Why
from care.appointments.waitlist import service as waitlist
from care.appointments.waitlist.models import Waiting
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World

POINTS = ["held", "kept", "booked", "told"]


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


@dataclass
class Clinic:
    """The small hospital, what is asked of it, and how it stands."""

    database: Database
    url: str
    clock: VirtualClock
    world: World
    process: asyncio.subprocess.Process

    async def free(self) -> list[UUID]:
        async with self.database.read() as session:
            found = await slots.find_slots(
                session, now=self.clock.now(), practitioner_id=self.world.li, limit=9
            )
            return [one.slot_id for one in found]

    async def ask(
        self, patient: UUID, slot: UUID, talk: UUID | None = None, replaces: UUID | None = None
    ) -> Booked | Refused:
        """Hold and confirm."""
        async with self.database.write() as session:
            held = await appointments.hold(
                session,
                slot_id=slot,
                patient_id=patient,
                now=self.clock.now(),
                conversation_id=talk or new_id(),
                replaces_id=replaces,
            )
            if not isinstance(held, Held):
                return held
            return await appointments.confirm(
                session, held.hold_id, now=self.clock.now(), created_via="wechat"
            )

    async def booked(self, patient: UUID, slot: UUID) -> UUID:
        done = await self.ask(patient, slot)
        assert isinstance(done, Booked)
        return done.appointment.appointment_id

    async def killed(
        self, act: str, point: str, slot: UUID, *, talk: UUID | None = None, about: UUID | None = None
    ) -> None:
        asked = (
            self.url, act, point, slot, self.world.wang, talk or new_id(), self.clock.now().isoformat(), about or "-",
        )  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write((" ".join(map(str, asked)) + "\n").encode())
        line = await asyncio.wait_for(self.process.stdout.readline(), 240)
        assert line.decode().split() == ["ended", str(-signal.SIGKILL)]
        await self.agrees()

    async def agrees(self) -> None:
        """Every slot's places taken are its holds and its live appointments."""
        async with self.database.read() as session:
            held = select(func.count()).where(SlotHold.slot_id == Slot.id).scalar_subquery()
            live = (
                select(func.count())
                .where(Appointment.slot_id == Slot.id, Appointment.status.in_(LIVE))
                .scalar_subquery()
            )
            wrong = await session.execute(select(Slot.id).where(Slot.taken != held + live))
            assert wrong.all() == []

    async def visits(self, patient: UUID) -> list[UUID]:
        """The slots of what the patient has ahead."""
        async with self.database.read() as session:
            found = select(Appointment.slot_id).where(
                Appointment.patient_id == patient, Appointment.status.in_(LIVE)
            )
            return list(await session.scalars(found))

    def later(self) -> None:
        self.clock.advance(RULES.hold + timedelta(minutes=1))


@pytest.fixture
def clinic(
    database: Database,
    database_url: str,
    clock: VirtualClock,
    world: World,
    dying: asyncio.subprocess.Process,
) -> Clinic:
    return Clinic(database, database_url, clock, world, dying)


@pytest.mark.parametrize("point", POINTS)
async def test_never_twice_and_never_lost(clinic: Clinic, point: str) -> None:
    [slot, *_], talk, world = await clinic.free(), new_id(), clinic.world
    await clinic.killed("book", point, slot, talk=talk)
    if point in ("kept", "told"):
        assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL), "the place is the first patient's"
    again = await clinic.ask(world.wang, slot, talk)
    if point == "told":
        assert isinstance(again, Refused) and again.why == Why.SAME_HALF_DAY and again.appointment_id
    else:
        assert isinstance(again, Booked)
    await clinic.agrees()
    assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL)
    clinic.later()
    assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL), "booked, not held"
    await clinic.agrees()
    assert await clinic.visits(world.wang) == [slot] and await clinic.visits(world.lijing) == []


@pytest.mark.parametrize("point", POINTS)
async def test_who_moves_has_one_visit_and_the_other_place_is_free(clinic: Clinic, point: str) -> None:
    [old, new, *_], talk, world = await clinic.free(), new_id(), clinic.world
    visit = await clinic.booked(world.wang, old)
    await clinic.killed("move", point, new, talk=talk, about=visit)
    moved = point == "told"
    assert await clinic.visits(world.wang) == [new if moved else old]
    if not moved:
        assert await clinic.ask(world.lijing, old) == Refused(Why.FULL), "what is not moved is kept"
    if point != "held":
        assert await clinic.ask(world.lijing, new) == Refused(Why.FULL)
    again = await clinic.ask(world.wang, new, talk, visit)
    assert isinstance(again, Refused if moved else Booked)
    await clinic.agrees()
    assert await clinic.visits(world.wang) == [new]
    clinic.later()
    assert await clinic.ask(world.lijing, new) == Refused(Why.FULL)
    assert isinstance(await clinic.ask(world.lijing, old), Booked), "the old place is the next one's"
    assert await clinic.ask(world.zhang, old) == Refused(Why.FULL)
    await clinic.agrees()


@pytest.mark.parametrize("point", ["booked", "told"])
async def test_what_is_cancelled_is_given_back_once(clinic: Clinic, point: str) -> None:
    [slot, *_], world = await clinic.free(), clinic.world
    visit = await clinic.booked(world.wang, slot)
    await clinic.killed("cancel", point, slot, about=visit)
    gone = point == "told"
    assert await clinic.visits(world.wang) == ([] if gone else [slot])
    if gone:
        assert isinstance(await clinic.ask(world.lijing, slot), Booked)
    else:
        assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL)
    async with clinic.database.write() as session:
        again = await appointments.cancel(session, visit, now=clinic.clock.now())
    assert isinstance(again, Cancelled) and again.again is gone
    await clinic.agrees()
    if not gone:
        assert isinstance(await clinic.ask(world.lijing, slot), Booked)
    assert await clinic.ask(world.zhang, slot) == Refused(Why.FULL), "one place, given back once"
    await clinic.agrees()


@pytest.mark.parametrize("point", POINTS)
async def test_a_place_that_was_offered_is_taken_once(clinic: Clinic, point: str) -> None:
    [slot, *_], world, now = await clinic.free(), clinic.world, clinic.clock.now()
    today = clinic.clock.local().date()
    async with clinic.database.write() as session:
        entry, _ = await waitlist.join(
            session,
            patient_id=world.wang,
            department_id=world.eye,
            conversation_id=new_id(),
            first_day=today,
            last_day=today + timedelta(days=7),
            now=now,
        )
    await clinic.killed("accept", point, slot, about=entry.id)
    async with clinic.database.write() as session:
        found = await waitlist.get(session, entry.id)
        assert found is not None
        if point == "held":
            assert found.status == Waiting.WAITING and found.hold_id is None
            [made] = await waitlist.offer(session, clinic.clock, 9)
            assert made.entry.id == entry.id and made.slot.slot_id == slot
        hold_id = found.hold_id
    assert hold_id is not None
    assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL), (
        "the place is kept for who was offered it"
    )
    async with clinic.database.write() as session:
        taken = await appointments.confirm(session, hold_id, now=now, created_via="wechat")
        assert isinstance(taken, Booked) and taken.again is (point == "told")
        await waitlist.booked(session, world.wang, world.eye, now=now)
    await clinic.agrees()
    clinic.clock.advance(waitlist.OFFER_FOR + timedelta(minutes=1))
    async with clinic.database.write() as session:
        assert await waitlist.run_out(session, clinic.clock) == []
        assert await waitlist.offer(session, clinic.clock, 9) == []
        ended = await waitlist.get(session, entry.id)
        assert ended is not None and ended.status == Waiting.BOOKED
    assert await clinic.ask(world.lijing, slot) == Refused(Why.FULL)
    await clinic.agrees()
    assert await clinic.visits(world.wang) == [slot]
