"""HL7 over MLLP with a library of others at the other end, both ways: node-hl7-server as booking system, node-hl7-client as record system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import outside
from care.appointments.models import Status
from care.patients.models import Condition, Patient
from care.records.models import Encounter
from care.systems.hl7.applying import Applier
from care.systems.hl7.client import Line
from care.systems.hl7.codes import read_codes
from care.systems.hl7.listener import Door, Listener
from care.systems.hl7.receiving import Receiver
from care.systems.hl7.system import Hl7System
from care.systems.models import SystemMessage
from care.systems.outward import Outward
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World, build
from tests.care.systems.conftest import Hospital, at
from tests.care.systems.hl7 import messages as said
from tests.factories.peers import free_port, peer

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "stay.hl7"


async def test_its_client_is_answered_and_a_whole_stay_arrives(
    database: Database, clock: VirtualClock, world: World
) -> None:
    codes = read_codes()
    listener = Listener(Door("127.0.0.1", 0, largest=200_000), Receiver(database, clock, codes))
    await listener.start()
    try:
        async with peer("hl7_client.mjs", str(listener.port)) as record_system:
            stay = [said.stay("A1"), said.discharge("A2"), said.report("R1"), said.merge("M1", "D0009999")]
            answers = [await record_system.say(one) for one in [*stay, stay[0]]]
    finally:
        await listener.stop()
    assert answers == [["AA", "A1"], ["AA", "A2"], ["AA", "R1"], ["AA", "M1"], ["AA", "A1"]]

    async def died(session: AsyncSession, row: SystemMessage, now: Any) -> None:
        raise AssertionError(row.reason)

    applier = Applier(database, clock, codes, died)
    while await applier.round():
        pass
    async with database.read() as session:
        row = (await session.scalars(select(Encounter))).one()
        assert (row.patient_id, row.end_date is None) == (world.wang, False)
        assert set(await session.scalars(select(Condition.code))) == {"H25.900", "E11.900"}
        assert (await session.get_one(Patient, world.wang)).name == "王秀兰"


async def test_its_server_reads_our_bookings_and_refuses_one(database: Database, clock: VirtualClock) -> None:
    async with database.write("build") as session:
        world = await build(session, clock)
    port = free_port()
    async with peer("hl7_server.mjs", str(port)) as booking_system:
        await booking_system.hear()
        system = Hl7System(Line("127.0.0.1", port, timeout=60, once=True), clock, ("HIS", "云江医院"))
        outside.install(Outward(system.name))
        hospital = Hospital(database, clock, world, system)
        try:
            booked = await hospital.book(world.wang, at(9))
            await hospital.tell()
            heard = await booking_system.hear()
            assert heard == {
                "event": "S12", "control": heard["control"], "placer": str(booked), "state": "Booked",
                "start": "20261124090000+0800", "name": "王秀兰", "doctor": "Y1", "code": "AA",
            }  # fmt: skip
            assert re.fullmatch("[0-9A-F]{20}", heard["control"])
            assert (await hospital.appointment(booked)).status == Status.BOOKED

            full = await hospital.book(world.lijing, at(9, 20))
            await hospital.tell()
            assert (await booking_system.hear())["code"] == "AE"
            assert (await hospital.appointment(full)).status == Status.CANCELLED
            assert await hospital.conflicts() == ["refused"]

            await hospital.cancel(booked)
            await hospital.tell()
            gone = await booking_system.hear()
            assert (gone["event"], gone["placer"], gone["state"]) == ("S15", str(booked), "Cancelled")
        finally:
            await system.close()
