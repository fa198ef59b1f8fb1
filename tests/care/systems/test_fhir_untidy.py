"""FHIR as servers and what stands before them really answer; a slot that becomes another one under us."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from care.appointments.models import Appointment, Slot, Status
from care.patients.models import Patient
from care.systems.fhir import system as fhir_system
from care.systems.slots import mirror
from care.systems.watching import watch
from tests.care.systems.conftest import Hospital, at
from tests.care.systems.test_counter_made import made, person
from tests.factories.fhir_server import FhirServer


async def heard(hospital: Hospital) -> int:
    return await watch(hospital.database, hospital.clock, hospital.system)


def slot_at(server: FhirServer, start: Any) -> dict[str, Any]:
    return next(one for one in server.every("Slot") if one["start"] == start.isoformat())


async def test_a_warning_in_a_bundle_is_no_appointment(hospital: Hospital, fhir_server: FhirServer) -> None:
    """Asked what it has, it has nothing: told again, not waited for."""
    fhir_server.broken = True
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    fhir_server.broken, fhir_server.warns = False, True
    await hospital.tell(2)
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    await hospital.mirror()
    assert await heard(hospital) == 0


@pytest.mark.parametrize(
    "instead",
    [(302, ""), (404, ""), (405, ""), (408, ""), (423, ""), (200, "<html>登录</html>"), (400, "<html>")],
)
async def test_what_a_gateway_says_is_no_refusal(
    hospital: Hospital, fhir_server: FhirServer, instead: tuple[int, str]
) -> None:
    """The patient does not hear that the place was given away; it is told again when the server is reached."""
    fhir_server.instead = instead
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell(2)
    assert (await hospital.appointment(booked)).status == Status.PENDING
    fhir_server.instead = None
    await hospital.tell(3)
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    assert len(fhir_server.every("Appointment")) == 1


async def test_a_version_conflict_said_with_409_is_read_again(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    """HAPI says 409 where the standard has 412."""
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    await hospital.cancel(booked)
    fhir_server.stale, fhir_server.hold_before = 409, asyncio.Event()
    gate = fhir_server.hold_before
    telling = asyncio.create_task(hospital.teller().round())
    await asyncio.wait_for(fhir_server.held.wait(), 20)
    [there] = fhir_server.every("Appointment")
    fhir_server.put({**there, "comment": "家属来电"})
    fhir_server.hold_before = None
    gate.set()
    await telling
    hospital.clock.advance(timedelta(minutes=3))
    await hospital.tell(2)
    assert fhir_server.every("Appointment")[0]["status"] == "cancelled"
    assert await hospital.conflicts() == []


async def test_who_is_there_already_is_not_cancelled_from_here(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    [there] = fhir_server.every("Appointment")
    fhir_server.put({**there, "status": "arrived"})
    await hospital.cancel(booked)
    await hospital.tell()
    assert fhir_server.every("Appointment")[0]["status"] == "arrived"
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    assert await hospital.conflicts() == ["not_cancelled"]


async def test_a_record_number_of_any_letters_finds_its_patient(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    """The condition of a conditional create is a search: its value is escaped."""
    async with hospital.database.write() as session:
        (await session.get_one(Patient, hospital.world.wang)).record_number = "住&院+1"
    for start in (at(9), at(14)):
        fhir_server.put({**slot_at(fhir_server, start), "status": "free"})
        await hospital.book(hospital.world.wang, start)
        await hospital.tell()
    [there] = fhir_server.every("Patient")
    assert there["identifier"][0]["value"] == "住&院+1"
    assert len(fhir_server.every("Appointment")) == 2


async def test_more_changes_of_one_moment_than_are_read_at_once(
    hospital: Hospital, fhir_server: FhirServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clinic closed by one statement there."""
    monkeypatch.setattr(fhir_system, "CHANGED_AT_ONCE", 2)
    starts = [at(9), at(9, 10), at(9, 20), at(14)]
    people = [hospital.world.wang, hospital.world.lijing, hospital.world.zhang, hospital.world.child]
    booked = [await hospital.book(who, start) for who, start in zip(people, starts, strict=True)]
    await hospital.tell(2)
    await heard(hospital)
    for one in fhir_server.every("Appointment"):
        fhir_server.put({**one, "status": "cancelled"})
    moment = fhir_server.every("Appointment")[-1]["meta"]["lastUpdated"]
    for one in fhir_server.every("Appointment"):
        one["meta"]["lastUpdated"] = moment
    for _ in range(2):
        await heard(hospital)
    assert {(await hospital.appointment(one)).status for one in booked} == {Status.CANCELLED}


async def test_one_that_cannot_be_read_and_one_kept_back_stop_no_other(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    await heard(hospital)
    odd = made(fhir_server, person(fhir_server, "N1", "陈新"), 0)
    odd["participant"] = ["Patient/1"]
    secret = person(fhir_server, "N2", "某人")
    made(fhir_server, secret, 10)
    fhir_server.kept_back.add(secret["id"])
    born = person(fhir_server, "N3", "周吉")
    born["birthDate"] = "1964-02-30"
    made(fhir_server, born, 20)
    await heard(hospital)
    async with hospital.database.read() as session:
        [row] = await session.scalars(select(Appointment))
        assert (await session.get_one(Patient, row.patient_id)).name == "周吉"
    assert await hospital.conflicts() == ["unread"]
    assert await hospital.messages() == [("counter", "queued")], "whose the second is, it does not say"


async def test_a_slot_that_moves_is_offered_where_it_is(hospital: Hospital, fhir_server: FhirServer) -> None:
    """The same id at another time; who has a place there is shown, and the system is asked."""
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    later = {"start": at(9, 40).isoformat(), "end": at(9, 50).isoformat()}
    fhir_server.put({**slot_at(fhir_server, at(9)), **later})
    free = {"start": at(9, 50).isoformat(), "end": at(10).isoformat()}
    fhir_server.put({**slot_at(fhir_server, at(9, 10)), **free})
    [there] = fhir_server.every("Appointment")
    fhir_server.put({**there, **later})
    await hospital.mirror()
    assert (await hospital.slot(at(9, 10))).capacity == 0, "nobody is promised a time that is no more"
    assert (await hospital.slot(at(9, 50))).capacity == 1
    await hospital.tell(2)
    row = await hospital.appointment(booked)
    assert (row.start, row.status) == (at(9, 40), Status.BOOKED)
    assert sorted(await hospital.conflicts()) == ["moved", "slot_changed"]
    back = {"start": at(9, 10).isoformat(), "end": at(9, 20).isoformat()}
    fhir_server.put({**slot_at(fhir_server, at(9, 50)), **back})
    await hospital.mirror()
    assert (await hospital.slot(at(9, 10))).capacity == 1


async def test_two_slots_that_change_places_and_one_made_anew(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    first, second = slot_at(fhir_server, at(9)), slot_at(fhir_server, at(9, 10))
    times = ("start", "end")
    fhir_server.put({**first, **{name: second[name] for name in times}, "status": "busy"})
    fhir_server.put({**second, **{name: first[name] for name in times}})
    third = slot_at(fhir_server, at(9, 20))
    del fhir_server.rows["Slot", third["id"]]
    fhir_server.put({name: value for name, value in third.items() if name not in ("id", "meta")})
    await hospital.mirror()
    assert [(await hospital.slot(one)).capacity for one in (at(9), at(9, 10), at(9, 20))] == [1, 0, 1]
    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    [there] = fhir_server.every("Appointment")
    assert there["slot"] == [{"reference": f"Slot/{second['id']}"}]
    assert (await hospital.appointment(booked)).status == Status.BOOKED


async def test_a_booking_whose_slot_became_another_is_refused_unsaid(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    """Without its slot it would be taken there beyond all places."""
    booked = await hospital.book(hospital.world.wang, at(9))
    later = {"start": at(9, 40).isoformat(), "end": at(9, 50).isoformat()}
    fhir_server.put({**slot_at(fhir_server, at(9)), **later})
    await hospital.mirror()
    await hospital.tell()
    assert (await hospital.appointment(booked)).status == Status.CANCELLED
    assert fhir_server.every("Appointment") == []


async def test_its_times_are_read_as_far_ahead_as_can_be_booked(
    hospital: Hospital, fhir_server: FhirServer
) -> None:
    far = at(9) + timedelta(days=40)
    fhir_server.clinic("Y2", "eye", [far])
    await hospital.mirror()
    async with hospital.database.read() as session:
        assert await session.scalar(select(Slot.id).where(Slot.start == far)) is None
    assert await mirror(hospital.database, hospital.clock, hospital.system, 60) is not None
    assert (await hospital.slot(far)).capacity == 1
