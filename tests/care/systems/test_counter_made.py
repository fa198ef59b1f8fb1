"""Appointments made at the system's own counter, and records it has merged: heard over FHIR."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from care.appointments.models import Appointment, Status
from care.appointments.scheduling import forms, service
from care.appointments.scheduling.models import What
from care.appointments.scheduling.service import Edit, ScheduleError
from care.patients import service as patients
from care.patients.models import Patient
from care.systems import merging, overview
from care.systems.counter import AGAIN
from care.systems.hl7.codes import read_codes
from care.systems.models import SystemMessage
from care.systems.watching import watch
from store.ids import new_id
from tests.care.systems.conftest import RECORDS, Hospital, at
from tests.factories.fhir_server import FhirServer


def person(server: FhirServer, record: str, name: str, **more: Any) -> dict[str, Any]:
    return server.put(
        {
            "resourceType": "Patient",
            "identifier": [{"system": RECORDS, "value": record}],
            "name": [{"text": name}],
            "gender": "female",
            **more,
        }
    )


def made(server: FhirServer, who: dict[str, Any], minute: int, **more: Any) -> dict[str, Any]:
    """What the counter books in 李敏's clinic: the slot is busy from then on."""
    start = at(9, minute)
    slot = next(one for one in server.every("Slot") if one["start"] == start.isoformat())
    server.put({**slot, "status": "busy"})
    return server.put(
        {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot['id']}"}],
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=10)).isoformat(),
            "participant": [
                {"actor": {"reference": f"Patient/{who['id']}"}, "status": "accepted"},
                {"actor": {"reference": "Practitioner/p-Y1"}, "status": "accepted"},
            ],
            **more,
        }
    )


async def heard(hospital: Hospital) -> None:
    await watch(hospital.database, hospital.clock, hospital.system)


async def ours(hospital: Hospital) -> list[Appointment]:
    async with hospital.database.read() as session:
        return list(
            await session.scalars(select(Appointment).order_by(Appointment.created_at, Appointment.id))
        )


@pytest.fixture
async def connected(hospital: Hospital) -> Hospital:
    """Its changes are read from now on."""
    await heard(hospital)
    return hospital


async def test_it_is_ours_and_the_patient_cancels_it(connected: Hospital, fhir_server: FhirServer) -> None:
    there = made(fhir_server, person(fhir_server, "D0000001", "王秀兰"), 0)
    await connected.mirror()
    await heard(connected)
    await heard(connected)
    [row] = await ours(connected)
    assert (row.patient_id, row.start, row.status) == (connected.world.wang, at(9), Status.BOOKED)
    slot = await connected.slot(at(9))
    assert (slot.taken, slot.capacity) == (1, 1)
    await connected.mirror()
    slot = await connected.slot(at(9))
    assert (slot.taken, slot.capacity) == (1, 1), "counted once"
    await connected.cancel(row.id)
    fhir_server.broken = True
    await connected.tell()
    fhir_server.broken = False
    await connected.tell(3)
    assert fhir_server.rows["Appointment", there["id"]]["status"] == "cancelled"
    assert (await connected.slot(at(9))).taken == 0


async def test_somebody_new_is_made_and_its_changes_are_followed(
    connected: Hospital, fhir_server: FhirServer
) -> None:
    there = made(fhir_server, person(fhir_server, "N9", "陈新", birthDate="1970-01-02"), 0)
    await heard(connected)
    [row] = await ours(connected)
    async with connected.database.read() as session:
        patient = await session.get_one(Patient, row.patient_id)
        assert (patient.name, patient.sex, patient.birth_date) == ("陈新", "female", "1970-01-02")
    moved = {"start": at(9, 10).isoformat(), "end": at(9, 20).isoformat()}
    fhir_server.put({**there, "slot": [], **moved})
    await heard(connected)
    assert [one.start for one in await ours(connected)] == [at(9, 10)]
    fhir_server.put({**there, "slot": [], **moved, "status": "cancelled"})
    await heard(connected)
    assert [one.status for one in await ours(connected)] == [Status.CANCELLED]
    assert await connected.conflicts() == ["moved", "cancelled"]


async def test_what_cannot_be_placed_yet_waits(connected: Hospital, fhir_server: FhirServer) -> None:
    who = person(fhir_server, "D0000001", "王秀兰")
    fhir_server.clinic("Y1", "eye", [at(9, 40)])
    there = made(fhir_server, who, 40)
    made(fhir_server, {"id": "nobody"}, 10)
    await heard(connected)
    assert await ours(connected) == []
    assert await connected.messages() == [("counter", "queued")] * 2
    await connected.mirror()
    connected.clock.advance(AGAIN[0])
    await heard(connected)
    assert [one.start for one in await ours(connected)] == [at(9, 40)]
    fhir_server.put({**there, "status": "cancelled"})
    for wait in AGAIN:
        connected.clock.advance(wait)
        await heard(connected)
    assert await connected.messages() == [("counter", "accepted"), ("counter", "dead")]
    async with connected.database.read() as session:
        assert (
            await session.scalars(select(SystemMessage.reason).where(SystemMessage.status == "dead"))
        ).all() == ["no_patient"]


async def test_two_of_one_half_day_are_shown(connected: Hospital, fhir_server: FhirServer) -> None:
    booked = await connected.book(connected.world.wang, at(9))
    await connected.tell()
    [who] = fhir_server.every("Patient")
    made(fhir_server, who, 10)
    await heard(connected)
    assert [(one.id, one.start) for one in await ours(connected)] == [(booked, at(9))]
    assert await connected.conflicts() == ["doubled"]


async def test_what_the_system_owns_is_not_planned_here(connected: Hospital) -> None:
    """Our weekly clinics make no times beside its own, whatever is edited; what it offers is shown."""
    world, clock = connected.world, connected.clock
    form = {
        "weekday": "1",
        "starts": "13:30",
        "ends": "16:30",
        "slot_minutes": "15",
        "capacity": "1",
        "fee": "18",
    }
    after = forms.clinic(
        defaultdict(str, form, kind="expert", overbook="0", on_holidays="follow"), world.li, world.eye
    )
    off = forms.hospital_day({"day": "2026-11-24", "kind": "off", "name": "院庆"}, clock.local().date())[1]
    async with connected.database.write() as session:
        for edit in (
            Edit(What.CLINIC, str(new_id()), after, world.li),
            Edit(What.CLINIC, str((await service.clinics(session, world.li))[0].id), None, world.li),
        ):
            with pytest.raises(ScheduleError, match="outside"):
                await service.change(session, clock, edit, new_id())
        _, done = await service.change(session, clock, Edit(What.DAY, "2026-11-24", off), new_id())
        assert (done.added, done.removed) == (0, 0)
    assert [(await connected.slot(start)).status for start in (at(9), at(14))] == ["free", "free"]
    await connected.book(world.wang, at(9))
    async with connected.database.read() as session:
        [half] = await service.offered(session, world.li, clock.now())
        assert (half.starts, half.ends, half.free, half.taken) == (at(9), at(9, 30), 2, 1)


async def test_a_record_it_closed_is_closed_here(connected: Hospital, fhir_server: FhirServer) -> None:
    async with connected.database.write() as session:
        data = patients.PatientData("D0009999", "王秀兰", "female")
        gone = (await patients.create(session, data, connected.clock.now())).id
    kept = person(fhir_server, "D0000001", "王秀兰")
    link = [{"other": {"reference": f"Patient/{kept['id']}"}, "type": "replaced-by"}]
    person(fhir_server, "D0009999", "王秀兰", active=False, link=link)
    person(fhir_server, "D0000002", "李静", active=False, link=link)
    await heard(connected)
    await heard(connected)
    async with connected.database.read() as session:
        assert (await session.get_one(Patient, gone)).replaced_by == connected.world.wang
        rows = (await session.scalars(select(SystemMessage).order_by(SystemMessage.id))).all()
        assert [(one.kind, one.status, one.reason) for one in rows] == [
            ("merge", "accepted", None),
            ("merge", "dead", "identities_differ"),
        ]
    async with connected.database.write() as session:
        done = await merging.confirm(
            session, rows[1].id, "核对过", read_codes(), staff_id=new_id(), now=connected.clock.now()
        )
        assert done
    async with connected.database.read() as session:
        lijing = await session.get_one(Patient, connected.world.lijing)
        assert lijing.replaced_by == connected.world.wang


async def test_a_merge_that_waited_for_one_of_two_appointments_is_tried_again(
    connected: Hospital, fhir_server: FhirServer
) -> None:
    async with connected.database.write() as session:
        data = patients.PatientData("D0009999", "王秀兰", "female")
        gone = (await patients.create(session, data, connected.clock.now())).id
    row = await connected.book(connected.world.wang, at(9))
    await connected.book(gone, at(9, 10))
    kept = person(fhir_server, "D0000001", "王秀兰")
    link = [{"other": {"reference": f"Patient/{kept['id']}"}, "type": "replaced-by"}]
    person(fhir_server, "D0009999", "王秀兰", active=False, link=link)
    await heard(connected)

    async def said() -> SystemMessage:
        async with connected.database.read() as session:
            merge = select(SystemMessage).where(SystemMessage.kind == "merge")
            return (await session.scalars(merge)).one()

    assert ((await said()).status, (await said()).reason) == ("dead", "two_appointments")

    async def once_more() -> None:
        which, now = (await said()).id, connected.clock.now()
        async with connected.database.write() as session:
            assert await overview.again(session, which, staff_id=new_id(), now=now)
        await heard(connected)

    await once_more()
    assert ((await said()).status, (await said()).dead_reason) == ("dead", "two_appointments"), "still so"
    await connected.cancel(row)
    await once_more()
    assert ((await said()).status, (await said()).due_at) == ("accepted", None)
    async with connected.database.read() as session:
        assert (await session.get_one(Patient, gone)).replaced_by == connected.world.wang
