"""Killed with -9 while it tells the system: what the system has is found, nothing is accepted twice."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import pytest
from sqlalchemy import update

from care.appointments.models import Status
from care.systems.models import SystemMessage
from store.clock import real_now
from tests.care.systems.conftest import Hospital, at
from tests.factories.fhir_server import FhirServer


@pytest.mark.parametrize("heard", [True, False], ids=["after-it-was-done", "before-it-was-done"])
async def test_killed_while_it_is_told(
    hospital: Hospital, fhir_server: FhirServer, database_url: str, heard: bool
) -> None:
    gate = asyncio.Event()
    fhir_server.hold_after, fhir_server.hold_before = (gate, None) if heard else (None, gate)
    booked = await hospital.book(hospital.world.wang, at(9))
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.care.systems.telling_worker", database_url, fhir_server.url
    )
    async with asyncio.timeout(120):
        await fhir_server.held.wait()
    worker.kill()
    await worker.wait()
    fhir_server.hold_after = fhir_server.hold_before = None
    gate.set()
    assert await hospital.messages() == [("book", "sent")]
    async with hospital.database.write() as session:  # its lease has run out
        await session.execute(update(SystemMessage).values(lease_until=real_now() - timedelta(seconds=1)))
    await hospital.tell(3)
    assert (await hospital.appointment(booked)).status == Status.BOOKED
    made = [one for one in fhir_server.told if one[:2] == ("POST", "Appointment")]
    assert len(made) == len(fhir_server.every("Appointment")) == 1
