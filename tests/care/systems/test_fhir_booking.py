"""Booking through a FHIR server: pending until it is accepted, told at most once, what it says is done."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import select

from care.appointments.models import Slot, Status
from care.systems.slots import mirror
from care.systems.watching import watch
from tests.care.systems.conftest import Hospital, at, until
from tests.factories.fhir_server import FhirServer


async def test_its_times_can_be_booked_here(hospital: Hospital, fhir_server: FhirServer) -> None:
    """Read page by page, found by the hospital's numbers; read again, nothing is made twice."""
    fhir_server.page = 2
    await hospital.mirror()
    async with hospital.database.read() as session:
        rows = (await session.scalars(select(Slot).order_by(Slot.start))).all()
    assert [row.start for row in rows] == [at(9), at(9, 10), at(9, 20), at(14), at(14, 10)]
    assert [row.practitioner_id for row in rows] == [hospital.world.li] * 3 + [hospital.world.zhao] * 2
    assert {row.department_id for row in rows} == {hospital.world.eye}
    assert [(row.capacity, row.taken, row.part) for row in rows[2:4]] == [
        (1, 0, "morning"),
        (1, 0, "afternoon"),
    ]


async def test_what_it_gave_to_others_is_no_longer_offered(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    first = next(one for one in fhir_server.every("Slot") if one["start"] == at(9).isoformat())
    fhir_server.put({**first, "status": "busy"})
    await hospital.mirror()
    assert (await hospital.slot(at(9))).capacity == 0
    fhir_server.put({**first, "status": "free"})
    await hospital.mirror()
    assert (await hospital.slot(at(9))).capacity == 1
    del fhir_server.rows["Slot", first["id"]]
    await hospital.mirror()
    assert (await hospital.slot(at(9))).capacity == 0


async def test_a_booking_is_pending_until_it_is_accepted(hospital: Hospital, fhir_server: FhirServer) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    assert (await hospital.appointment(booked)).status == Status.PENDING
    await hospital.tell()
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    [there] = fhir_server.every("Appointment")
    assert there["identifier"][0]["value"] == str(booked)
    assert datetime.fromisoformat(there["start"]) == at(9)
    [patient] = fhir_server.every("Patient")
    assert patient["identifier"][0]["value"] == "D0000001"
    assert await hospital.messages() == [("book", "accepted")]
    await hospital.mirror()
    slot = await hospital.slot(at(9))
    assert (slot.capacity, slot.taken) == (1, 1)
    await hospital.book(hospital.world.lijing, at(9, 10))
    await hospital.tell()
    assert len(fhir_server.every("Patient")) == 2


async def test_a_place_that_was_filled_there_is_given_back(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    taken = next(one for one in fhir_server.every("Slot") if one["start"] == at(9).isoformat())
    fhir_server.put({**taken, "status": "busy"})
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    assert (await hospital.appointment(booked)).status == Status.CANCELLED
    assert (await hospital.slot(at(9))).taken == 0
    assert await hospital.messages() == [("book", "refused")]
    assert await hospital.conflicts() == ["filled"]


async def test_an_answer_that_does_not_come_is_asked_after(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    """It did it, and we never heard: found under our key, never said again."""
    fhir_server.hold_after = asyncio.Event()
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell_in_vain()
    assert await hospital.messages() == [("book", "uncertain")]
    assert (await hospital.appointment(booked)).status == Status.PENDING
    await hospital.tell()
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    assert [one for one in fhir_server.told if one[1] == "Appointment"] == [
        ("POST", "Appointment", fhir_server.every("Appointment")[0]["id"])
    ]


async def test_a_request_that_arrives_late_is_not_doubled(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    """It had nothing when asked, was told again under the same key, and then both arrive."""
    fhir_server.hold_before = late = asyncio.Event()
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell_in_vain()
    fhir_server.hold_before = None
    await hospital.tell(2)
    before = fhir_server.done
    late.set()
    await until(lambda: fhir_server.done > before)
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    assert len(fhir_server.every("Appointment")) == 1


async def test_bookings_go_on_while_it_is_away(hospital: Hospital, fhir_server: FhirServer) -> None:
    fhir_server.broken = True
    first = await hospital.book(hospital.world.wang, at(9))
    second = await hospital.book(hospital.world.lijing, at(9, 10))
    await hospital.tell(2)
    assert await mirror(hospital.database, hospital.clock, hospital.system) is None
    assert (await hospital.appointment(first)).status == Status.PENDING
    fhir_server.broken = False
    await hospital.tell(3)
    for one in (first, second):
        assert (await hospital.appointment(one)).status == Status.BOOKED
    assert len(fhir_server.every("Appointment")) == 2


async def test_cancelled_here_is_cancelled_there(hospital: Hospital, fhir_server: FhirServer) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    await hospital.cancel(booked)
    assert (await hospital.slot(at(9))).taken == 1  # until it agrees, nobody else is promised the place
    await hospital.tell()
    assert (await hospital.slot(at(9))).taken == 0
    assert fhir_server.every("Appointment")[0]["status"] == "cancelled"


async def test_what_was_never_said_needs_no_cancelling(hospital: Hospital, fhir_server: FhirServer) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.cancel(booked)
    assert (await hospital.slot(at(9))).taken == 0
    await hospital.tell()
    assert fhir_server.every("Appointment") == []
    assert await hospital.messages() == [("book", "settled")]


async def test_a_move_keeps_the_old_place_until_it_is_accepted(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    old = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    new = await hospital.book(hospital.world.wang, at(9, 20), replaces=old)
    assert ((await hospital.slot(at(9))).taken, (await hospital.slot(at(9, 20))).taken) == (1, 1)
    await hospital.tell()
    assert (await hospital.appointment(new)).status == Status.BOOKED
    assert ((await hospital.slot(at(9))).taken, (await hospital.slot(at(9, 20))).taken) == (0, 1)
    [there] = fhir_server.every("Appointment")
    assert (there["status"], there["identifier"][0]["value"]) == ("booked", str(new))


async def test_a_move_that_is_refused_leaves_the_old_one(hospital: Hospital, fhir_server: FhirServer) -> None:
    old = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    taken = next(one for one in fhir_server.every("Slot") if one["start"] == at(9, 20).isoformat())
    fhir_server.put({**taken, "status": "busy"})
    new = await hospital.book(hospital.world.wang, at(9, 20), replaces=old)
    await hospital.tell()
    assert (await hospital.appointment(old)).status == Status.BOOKED
    assert (await hospital.appointment(new)).status == Status.CANCELLED
    assert ((await hospital.slot(at(9))).taken, (await hospital.slot(at(9, 20))).taken) == (1, 0)
    assert await hospital.conflicts() == ["not_moved"]


async def test_what_it_cancels_is_cancelled_here(hospital: Hospital, fhir_server: FhirServer) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    await watch(hospital.database, hospital.clock, hospital.system)
    [there] = fhir_server.every("Appointment")
    fhir_server.put({**there, "status": "cancelled"})
    await watch(hospital.database, hospital.clock, hospital.system)
    await watch(hospital.database, hospital.clock, hospital.system)
    assert (await hospital.appointment(booked)).status == Status.CANCELLED
    assert (await hospital.slot(at(9))).taken == 0
    assert await hospital.conflicts() == ["cancelled"]


async def test_what_it_moves_is_moved_here(hospital: Hospital, fhir_server: FhirServer) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    await watch(hospital.database, hospital.clock, hospital.system)
    [there] = fhir_server.every("Appointment")
    target = next(one for one in fhir_server.every("Slot") if one["start"] == at(14).isoformat())
    moved = {**there, "start": at(14).isoformat(), "end": at(14, 10).isoformat()}
    fhir_server.put({**moved, "slot": [{"reference": f"Slot/{target['id']}"}]})
    await watch(hospital.database, hospital.clock, hospital.system)
    row = await hospital.appointment(booked)
    assert (row.start, row.practitioner_id, row.status) == (at(14), hospital.world.zhao, Status.BOOKED)
    assert ((await hospital.slot(at(9))).taken, (await hospital.slot(at(14))).taken) == (0, 1)
    assert await hospital.conflicts() == ["moved"]


async def test_somebody_else_changed_it_first(hospital: Hospital, fhir_server: FhirServer) -> None:
    """412 on our cancelling: read again, and by what is there now."""
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    await hospital.cancel(booked)
    fhir_server.hold_before = gate = asyncio.Event()
    telling = asyncio.create_task(hospital.teller().round())
    await asyncio.wait_for(fhir_server.held.wait(), 20)
    [there] = fhir_server.every("Appointment")
    fhir_server.put({**there, "comment": "家属来电"})
    fhir_server.hold_before = None
    gate.set()
    await telling
    assert await hospital.messages() == [("book", "accepted"), ("cancel", "uncertain")]
    hospital.clock.advance(timedelta(minutes=3))
    await hospital.tell(2)
    [there] = fhir_server.every("Appointment")
    assert (there["status"], there["comment"]) == ("cancelled", "家属来电")


async def test_nobody_answers_for_a_day(hospital: Hospital, fhir_server: FhirServer) -> None:
    """People are asked; the appointment stays pending, for nobody knows."""
    fhir_server.broken = True
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    hospital.clock.advance(timedelta(hours=25))
    await hospital.tell()
    assert await hospital.messages() == [("book", "dead")]
    assert len(hospital.alarms) == 1
    assert (await hospital.appointment(booked)).status == Status.PENDING
