"""Our FHIR client against a server of others: Medplum's router and repository, in its own process. It knows no `_include`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx2
import pytest
from sqlalchemy import select

from care.appointments import outside
from care.appointments.models import Appointment, Slot, Status
from care.patients.models import Patient
from care.systems.fhir.client import FhirClient
from care.systems.fhir.system import FhirSystem
from care.systems.outward import Outward
from care.systems.port import Accepted
from care.systems.wanting import wanted
from care.systems.watching import watch
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import build
from tests.care.systems.conftest import RECORDS, Hospital, at
from tests.factories.peers import peer


class Medplum:
    """What the hospital does there by itself."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = httpx2.AsyncClient(timeout=60, headers={"Content-Type": "application/fhir+json"})

    async def put(self, body: dict[str, Any]) -> dict[str, Any]:
        where = f"{self.base}/{body['resourceType']}"
        ask = (
            self._http.put(f"{where}/{body['id']}", json=body)
            if "id" in body
            else self._http.post(where, json=body)
        )
        answer = await ask
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    async def every(self, kind: str) -> list[dict[str, Any]]:
        answer = await self._http.get(f"{self.base}/{kind}", params={"_count": 100})
        return [one["resource"] for one in answer.json().get("entry", [])]

    async def clinic(self, code: str, service: dict[str, Any], starts: list[datetime]) -> None:
        doctor = await self.put(
            {"resourceType": "Practitioner", "identifier": [{"system": "urn:staff", "value": code}]}
        )
        schedule = await self.put(
            {
                "resourceType": "Schedule",
                "actor": [
                    {"reference": f"Practitioner/{doctor['id']}"},
                    {"reference": f"HealthcareService/{service['id']}"},
                ],
            }
        )
        for start in starts:
            await self.put(
                {
                    "resourceType": "Slot",
                    "schedule": {"reference": f"Schedule/{schedule['id']}"},
                    "status": "free",
                    "start": start.isoformat(),
                    "end": (start + timedelta(minutes=10)).isoformat(),
                }
            )

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def medplum() -> AsyncIterator[Medplum]:
    async with peer("fhir.mjs") as running:
        made = Medplum(f"http://127.0.0.1:{await running.hear()}/fhir")
        service = await made.put(
            {
                "resourceType": "HealthcareService",
                "identifier": [{"system": "urn:department", "value": "eye"}],
            }
        )
        await made.clinic("Y1", service, [at(9), at(9, 10), at(9, 20)])
        yield made
        await made.close()


@pytest.fixture
async def hospital(database: Database, clock: VirtualClock, medplum: Medplum) -> AsyncIterator[Hospital]:
    async with database.write("build") as session:
        world = await build(session, clock, slots=False)
    system = FhirSystem(
        FhirClient(medplum.base, timeout=60), record_system=RECORDS, zone=ZoneInfo("Asia/Shanghai")
    )
    outside.install(Outward(system.name))
    yield Hospital(database, clock, world, system)
    await system.close()


async def test_a_day_with_a_server_of_others(hospital: Hospital, medplum: Medplum) -> None:
    """Its times; a booking told twice is there once; moved, cancelled; changed there between reading and writing; its own changes."""
    await hospital.mirror()
    free = [await hospital.slot(start) for start in (at(9), at(9, 10), at(9, 20))]
    assert {(one.practitioner_id, one.department_id, one.capacity) for one in free} == {
        (hospital.world.li, hospital.world.eye, 1)
    }
    await watch(hospital.database, hospital.clock, hospital.system)

    booked = await hospital.book(hospital.world.wang, at(9))
    await hospital.tell()
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    [there] = await medplum.every("Appointment")
    assert there["identifier"][0]["value"] == str(booked)
    await _again(hospital, booked)
    assert len(await medplum.every("Appointment")) == len(await medplum.every("Patient")) == 1

    moved = await hospital.book(hospital.world.wang, at(9, 10), replaces=booked)
    await hospital.tell(2)
    assert (await hospital.appointment(moved)).status == Status.BOOKED
    [there] = await medplum.every("Appointment")
    assert datetime.fromisoformat(there["start"]) == at(9, 10)
    await watch(hospital.database, hospital.clock, hospital.system)

    changed = await medplum.put({**there, "comment": "前台改了备注"})
    client = hospital.system._client  # type: ignore[attr-defined]
    answer = await client.update(f"Appointment/{there['id']}", there, f'W/"{there["meta"]["versionId"]}"')
    assert answer.status == 412, "whoever read an older version is told so"
    slot: Slot = await hospital.slot(at(9, 20))
    mine = {"start": slot.start.isoformat(), "end": slot.end.isoformat()}
    await medplum.put({**changed, **mine})
    await watch(hospital.database, hospital.clock, hospital.system)
    assert (await hospital.appointment(moved)).start == at(9, 20)
    assert await hospital.conflicts() == ["moved"]

    who = next(
        one["actor"] for one in changed["participant"] if one["actor"]["reference"].startswith("Patient/")
    )
    await medplum.put(_at_the_counter(changed, who, at(9)))
    other = await medplum.put(_patient("N1", "陈新"))
    await medplum.put(_at_the_counter(changed, {"reference": f"Patient/{other['id']}"}, at(9)))
    await watch(hospital.database, hospital.clock, hospital.system)
    async with hospital.database.read() as session:
        made = select(Appointment, Patient).join(Patient).where(Appointment.created_via == "his")
        assert [(row.start, who_.name) for row, who_ in await session.execute(made)] == [(at(9), "陈新")]
    assert await hospital.conflicts() == ["moved", "doubled"]

    mine = next(one for one in await medplum.every("Patient") if one["id"] != other["id"])
    link = [{"other": {"reference": f"Patient/{mine['id']}"}, "type": "replaced-by"}]
    await medplum.put({**other, "active": False, "link": link})
    await watch(hospital.database, hospital.clock, hospital.system)
    assert ("merge", "dead") in await hospital.messages(), "陈新 is not 王秀兰 for all that it says"

    await hospital.cancel(moved)
    await hospital.tell(2)
    every = {one["id"]: one["status"] for one in await medplum.every("Appointment")}
    assert every[there["id"]] == "cancelled"
    assert (await hospital.slot(at(9, 20))).taken == 0


def _at_the_counter(like: dict[str, Any], who: dict[str, Any], start: datetime) -> dict[str, Any]:
    times = {"start": start.isoformat(), "end": (start + timedelta(minutes=10)).isoformat()}
    doctor = next(one for one in like["participant"] if one["actor"]["reference"].startswith("Practitioner/"))
    participant = [{"actor": who, "status": "accepted"}, doctor]
    return {"resourceType": "Appointment", "status": "booked", "participant": participant, **times}


def _patient(record: str, name: str) -> dict[str, Any]:
    number = {"system": RECORDS, "value": record}
    return {"resourceType": "Patient", "identifier": [number], "name": [{"text": name}], "gender": "male"}


async def _again(hospital: Hospital, booked: UUID) -> None:
    """The same words once more, as after a lost answer."""
    async with hospital.database.read() as session:
        said = await wanted(session, hospital.system.name, booked)
    assert isinstance(await hospital.system.book(said), Accepted)
