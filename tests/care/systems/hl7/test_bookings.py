"""Bookings over the wire: told at most once however often they are said, and what the other side decides is done here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from sqlalchemy import select

from care.appointments import outside
from care.appointments import service as appointments
from care.appointments.models import Appointment, Slot, Status
from care.appointments.rules import UNDO_FOR
from care.appointments.views import Booked, Held
from care.systems.hl7 import client
from care.systems.hl7.client import Line
from care.systems.hl7.missed import put_missed
from care.systems.hl7.system import Hl7System
from care.systems.outward import Outward
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.care.systems.conftest import Hospital, at
from tests.care.systems.hl7.test_taking_messages import Wire
from tests.factories.hl7_his import BookingSystem, siu


@dataclass
class Town:
    """Our hospital, its booking system, and the wire the system speaks to us by."""

    hospital: Hospital
    his: BookingSystem
    wire: Wire

    async def status(self, appointment: UUID) -> str:
        return (await self.hospital.appointment(appointment)).status

    async def live(self) -> list[Appointment]:
        async with self.hospital.database.read() as session:
            query = select(Appointment).where(Appointment.status == Status.BOOKED).order_by(Appointment.start)
            return list(await session.scalars(query))


@pytest.fixture
async def town(database: Database, clock: VirtualClock, world: World) -> AsyncIterator[Town]:
    async with BookingSystem().serving() as his:
        system = Hl7System(Line("127.0.0.1", his.port, timeout=20), clock, ("HIS", "云江医院"))
        outside.install(Outward(system.name))
        yield Town(Hospital(database, clock, world, system), his, Wire(database, clock))
        await system.close()


async def test_a_booking_a_move_and_a_cancellation_are_told_once_each(town: Town) -> None:
    hospital, world = town.hospital, town.hospital.world
    first = await hospital.book(world.wang, at(9, 30))
    assert await town.status(first) == Status.PENDING
    await hospital.tell(2)
    assert await town.status(first) == Status.BOOKED
    second = await hospital.book(world.wang, at(9, 50), replaces=first)
    await hospital.tell(2)
    assert (await town.status(first), await town.status(second)) == (Status.CANCELLED, Status.BOOKED)
    assert (await hospital.slot(at(9, 30))).taken == 0
    await hospital.cancel(second)
    await hospital.tell(2)
    name = str(first)
    assert town.his.effects == [("S12", name), ("S13", name), ("S15", name)]
    assert town.his.appointments == {name: ("cancelled", "202611240950")}
    assert await hospital.messages() == [("book", "accepted"), ("move", "accepted"), ("cancel", "accepted")]


async def test_what_we_say_is_what_the_standard_says(town: Town) -> None:
    """hl7apy's tables of 2.5.1 are the judge: strictly, groups and data types too."""
    await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.hospital.tell()
    message = parse_message(town.his.heard[0], validation_level=VALIDATION_LEVEL.STRICT)
    message.validate()
    pid = message.siu_s12_patient.pid
    assert (pid.pid_5.pid_5_1.value, pid.pid_3[1].pid_3_1.value) == ("王秀兰", "990100196403120024")
    assert message.sch.sch_11.sch_11_4.value == "20261124093000+0800"


@pytest.mark.parametrize("lost", [1, 3])
async def test_an_answer_that_is_lost_is_asked_for_in_the_same_words(town: Town, lost: int) -> None:
    town.his.lose = lost
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.hospital.tell(lost)
    assert await town.status(booked) == Status.PENDING
    await town.hospital.tell(2)
    assert await town.status(booked) == Status.BOOKED
    assert town.his.effects == [("S12", str(booked))]
    assert len(town.his.heard) == lost + 1
    town.his.lose = lost
    await town.hospital.cancel(booked)
    await town.hospital.tell(lost + 2)
    assert town.his.effects == [("S12", str(booked)), ("S15", str(booked))]


async def test_while_it_is_away_bookings_wait_and_then_arrive(
    database: Database, clock: VirtualClock, world: World
) -> None:
    his = BookingSystem()
    async with his.serving():
        pass  # its port is known, and nobody is there
    system = Hl7System(Line("127.0.0.1", his.port, timeout=20), clock)
    outside.install(Outward(system.name))
    hospital = Hospital(database, clock, world, system)
    booked = await hospital.book(world.wang, at(9, 30))
    await hospital.tell(2)
    assert (await hospital.appointment(booked)).status == Status.PENDING
    async with his.serving():
        await hospital.tell(2)
        assert (await hospital.appointment(booked)).status == Status.BOOKED
        await system.close()


async def test_a_place_it_has_given_away_is_refused_and_shown(town: Town) -> None:
    town.his.full.add("202611240930")
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.hospital.tell(2)
    assert await town.status(booked) == Status.CANCELLED
    assert await town.hospital.conflicts() == ["refused"]
    assert (await town.hospital.slot(at(9, 30))).taken == 0


async def test_what_its_counters_do_to_our_booking_is_done_here(town: Town) -> None:
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    early = siu("S13", "1", placer=str(booked), start="202611240950")
    assert await town.wire.say(early) == "AA"
    assert (await town.wire.last()).reason == "underway", "what we told is on its way: theirs waits"
    await town.hospital.tell(2)
    while await town.wire.applier.round():
        pass
    moved = await town.hospital.appointment(booked)
    assert (moved.status, moved.start) == (Status.BOOKED, at(9, 50))
    await town.wire.say(siu("S15", "3", placer=str(booked), at="20261122100000"))
    await town.wire.say(siu("S14", "2", placer=str(booked), at="20261122090000"))
    assert await town.status(booked) == Status.CANCELLED, "older than the cancellation"
    assert sorted(await town.hospital.conflicts()) == ["cancelled", "moved"]
    assert (await town.hospital.slot(at(9, 50))).taken == 0


async def test_what_its_counters_book_is_ours_once_even_beyond_the_places(town: Town) -> None:
    for control in ("1", "1", "2"):
        await town.wire.say(siu("S12", control))
    (row,) = await town.live()
    assert (row.patient_id, row.start, row.created_via) == (town.hospital.world.wang, at(9, 30), "his")
    await town.wire.say(siu("S12", "3", filler="F2", record="D0000002"))
    slot = await town.hospital.slot(at(9, 30))
    assert (slot.taken, slot.capacity) == (2, 2), "one place a slot was ours to give; theirs counts too"
    await town.wire.say(siu("S26", "4", at="20261124110000"))
    assert await town.status(row.id) == Status.NOSHOW
    await town.wire.say(siu("S12", "5", filler="F9", start="202611250900"))
    assert (await town.wire.last()).reason == "no_slot"


async def test_a_cancellation_that_overtakes_its_booking_wins(town: Town) -> None:
    await town.wire.say(siu("S15", "2", at="20261122090000"))
    await town.wire.say(siu("S12", "1"))
    assert await town.live() == []


async def test_who_did_not_come_is_told_once_unless_they_said_so_or_it_is_taken_back(town: Town) -> None:
    hospital, world = town.hospital, town.hospital.world
    booked, theirs, undone = (
        await hospital.book(world.wang, at(9, 30)),
        await hospital.book(world.lijing, at(9, 40)),
        await hospital.book(world.zhang, at(9, 50)),
    )
    await hospital.tell(2)
    hospital.clock.freeze(at(12))
    await town.wire.say(siu("S26", "1", placer=str(theirs), record="D0000002", at="20261124120000"))
    async with hospital.database.write() as session:
        for one in (booked, undone):
            assert await appointments.move_on(session, one, Status.NOSHOW, now=hospital.clock.now())
    async with hospital.database.write() as session:
        assert await put_missed(session)
    async with hospital.database.write() as session:
        (await session.get_one(Appointment, undone)).status = Status.BOOKED
        assert not await put_missed(session)
    hospital.clock.advance(UNDO_FOR)
    town.his.lose = 1
    await hospital.tell(3)
    assert [name for event, name in town.his.effects if event == "S26"] == [str(booked)]
    assert (await hospital.messages())[3:] == [
        ("SIU^S26", "accepted"),
        ("missed", "accepted"),
        ("missed", "settled"),
    ]


async def test_a_second_one_its_counters_book_that_half_day_is_shown_and_ours_stands(town: Town) -> None:
    """Cancelled there, the second one leaves ours as it is."""
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.hospital.tell(2)
    await town.wire.say(siu("S12", "1", filler="F2", start="202611240950"))
    assert await town.hospital.conflicts() == ["doubled"]
    await town.wire.say(siu("S15", "2", filler="F2", start="202611240950", at="20261122083000"))
    row = await town.hospital.appointment(booked)
    assert (row.status, row.start) == (Status.BOOKED, at(9, 30))


async def test_our_own_booking_told_back_under_its_number_there_is_the_same(town: Town) -> None:
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.wire.say(siu("S12", "1", filler="F2"))
    assert (await town.wire.last()).reason == "underway"
    await town.hospital.tell(2)
    while await town.wire.applier.round():
        pass
    assert [one.id for one in await town.live()] == [booked]
    assert await town.hospital.conflicts() == []
    await town.wire.say(siu("S15", "2", filler="F2", at="20261122083000"))
    assert await town.status(booked) == Status.CANCELLED


async def test_a_move_to_where_the_patient_has_another_is_shown(town: Town) -> None:
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    other = await town.hospital.book(town.hospital.world.wang, at(14, 10))
    await town.hospital.tell(2)
    await town.wire.say(siu("S13", "1", placer=str(booked), start="202611241420", doctor="Y2"))
    assert [await town.status(one) for one in (booked, other)] == [Status.BOOKED] * 2
    assert await town.hospital.conflicts() == ["doubled"]


async def test_another_doctor_at_the_same_time_is_a_move(town: Town) -> None:
    """替诊: of a doctor whose clinic is ours, and of one whose is not, which is shown."""
    world = town.hospital.world
    async with town.hospital.database.write() as session:
        own = await session.scalar(
            select(Slot).where(Slot.practitioner_id == world.li, Slot.start == at(9, 30))
        )
        assert own is not None
        rows = {one.key: getattr(own, one.key) for one in Slot.__table__.columns}
        stands_in = await session.scalar(select(Slot.schedule_id).where(Slot.practitioner_id == world.zhao))
        session.add(Slot(**rows | {"id": new_id(), "practitioner_id": world.zhao, "schedule_id": stands_in}))
    async with town.hospital.database.write() as session:
        [first] = await session.scalars(
            select(Slot).where(Slot.practitioner_id == world.li, Slot.start == at(9, 30))
        )
        held = await appointments.hold(
            session, slot_id=first.id, patient_id=world.wang, now=town.hospital.clock.now()
        )
        assert isinstance(held, Held)
        done = await appointments.confirm(
            session, held.hold_id, now=town.hospital.clock.now(), created_via="wechat"
        )
        assert isinstance(done, Booked)
        booked = done.appointment.appointment_id
    await town.hospital.tell(2)
    await town.wire.say(siu("S14", "1", placer=str(booked), doctor="Y2"))
    row = await town.hospital.appointment(booked)
    assert (row.practitioner_id, row.start) == (world.zhao, at(9, 30))
    await town.wire.say(siu("S14", "2", placer=str(booked), doctor="Y3", at="20261122083000"))
    assert sorted(await town.hospital.conflicts()) == ["moved", "unknown"]


async def test_without_a_patient_segment_the_number_says_which(town: Town) -> None:
    """PID may be left out; a cancellation of what we never heard of is remembered."""

    def bare(text: str) -> str:
        return "\r".join(one for one in text.split("\r") if not one.startswith("PID"))

    await town.wire.say(siu("S12", "1"))
    await town.wire.say(bare(siu("S15", "2", at="20261122083000")))
    await town.wire.say(bare(siu("S15", "3", filler="F7", at="20261122083000")))
    assert (await town.wire.last()).status == "accepted"
    await town.wire.say(siu("S12", "4", filler="F7", start="202611240950"))
    assert await town.live() == []
    await town.wire.say(bare(siu("S12", "5", filler="F8", start="202611240950")))
    assert (await town.wire.last()).dead_reason == "no_record_number"


async def test_neither_yesterdays_visit_nor_a_place_on_a_waiting_list_is_a_booking(town: Town) -> None:
    await town.wire.say(siu("S12", "1", filler="F1", state="Waitlist"))
    assert await town.live() == []
    await town.wire.say(siu("S14", "2", filler="F1", state="Booked", at="20261122083000"))
    assert len(await town.live()) == 1
    town.hospital.clock.freeze(at(9, 45))
    await town.wire.say(siu("S12", "3", filler="F2", start="202611240940", record="D0000002"))
    assert len(await town.live()) == 1


async def test_cancelled_again_after_it_was_taken_up_there_is_told_again(town: Town) -> None:
    """Under a control id of its own: a receiver answers a repeat as it answered first, and does nothing."""
    booked = await town.hospital.book(town.hospital.world.wang, at(9, 30))
    await town.hospital.tell(2)
    await town.hospital.cancel(booked)
    await town.hospital.tell(2)
    await town.wire.say(siu("S14", "1", placer=str(booked), filler="", at="20261122093000"))
    await town.hospital.tell(3)
    assert [event for event, _ in town.his.effects] == ["S12", "S15", "S15"]


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        ("MSH|^~\\&|HIS||BANYI||1||ACK|9|P|2.4||||||CHN\rMSA|AE|1|号源已满||||\r", "AE", 0),
        ("MSH|^~\\&|HIS||BANYI||1||ACK|9|P|2.4\rMSA|AE|1|锁||| 206^Application record locked\r", "AE", 206),
        (
            "MSH|^~\\&|HIS||BANYI||1||ACK|9|P|2.3.1\rMSA|AR|1\rERR|^^^205&Duplicate key identifier\r",
            "AR",
            205,
        ),
        ("MSH|^~\\&|HIS||BANYI||1||ACK|9|P|2.5.1||||||UNICODE UTF-8\rMSA|AA|1\r", "AA", 0),
    ],
)
def test_answers_of_every_version_are_read(answer: str, code: str, error: int) -> None:
    found = client._read(answer.encode("gbk"), "1")
    assert found is not None and (found.code, found.error) == (code, error)
