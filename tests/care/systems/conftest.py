"""The small hospital of the room with a system outside that has the last word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import outside
from care.appointments import service as appointments
from care.appointments.models import Appointment, Slot
from care.appointments.views import Booked, Held
from care.systems.fhir.client import FhirClient
from care.systems.fhir.system import FhirSystem
from care.systems.models import SystemConflict, SystemMessage
from care.systems.outward import Outward
from care.systems.port import HospitalSystem
from care.systems.slots import mirror
from care.systems.telling import Teller
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World, build
from tests.factories.fhir_server import FhirServer

TUESDAY = datetime(2026, 11, 24, tzinfo=ZoneInfo("Asia/Shanghai"))
RECORDS = "urn:hospital:record"


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return TUESDAY.replace(day=day, hour=hour, minute=minute)


async def until(true: Callable[[], bool]) -> None:
    """Wait for it, a minute at most."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


@dataclass
class Hospital:
    """Our side of one hospital with an outside system, and what a test does there."""

    database: Database
    clock: VirtualClock
    world: World
    system: HospitalSystem
    alarms: list[UUID] = field(default_factory=list)

    async def book(self, patient: UUID, start: datetime, replaces: UUID | None = None) -> UUID:
        """Hold the slot of that moment and confirm; the appointment."""
        async with self.database.write() as session:
            slot_id = await session.scalar(
                select(Slot.id).where(Slot.start == start, Slot.capacity > Slot.taken)
            )
            assert slot_id is not None
            held = await appointments.hold(
                session, slot_id=slot_id, patient_id=patient, now=self.clock.now(), replaces_id=replaces
            )
            assert isinstance(held, Held), held
            booked = await appointments.confirm(
                session, held.hold_id, now=self.clock.now(), created_via="wechat"
            )
            assert isinstance(booked, Booked), booked
            return booked.appointment.appointment_id

    async def cancel(self, appointment_id: UUID) -> None:
        async with self.database.write() as session:
            await appointments.cancel(session, appointment_id, now=self.clock.now())

    async def tell(self, rounds: int = 1) -> None:
        """Rounds of the worker; between them all that waits becomes due."""
        for _ in range(rounds):
            await self.teller().round()
            self.clock.advance(timedelta(minutes=3))

    async def tell_in_vain(self) -> None:
        """A round in which the system, held, answers too late."""
        assert isinstance(self.system, FhirSystem)
        http = self.system._client._http
        patience, http.timeout = http.timeout, 0.3
        await self.tell()
        http.timeout = patience

    def teller(self) -> Teller:
        async def alarm(_session: AsyncSession, message: SystemMessage, _now: datetime) -> None:
            self.alarms.append(message.id)

        return Teller(self.database, self.clock, self.system, alarm)

    async def mirror(self) -> None:
        assert await mirror(self.database, self.clock, self.system) is not None

    async def appointment(self, appointment_id: UUID) -> Appointment:
        async with self.database.read() as session:
            return await session.get_one(Appointment, appointment_id)

    async def slot(self, start: datetime) -> Slot:
        async with self.database.read() as session:
            return (await session.scalars(select(Slot).where(Slot.start == start))).one()

    async def messages(self) -> list[tuple[str, str]]:
        async with self.database.read() as session:
            rows = await session.execute(
                select(SystemMessage.kind, SystemMessage.status).order_by(SystemMessage.id)
            )
            return [(str(row[0]), str(row[1])) for row in rows]

    async def conflicts(self) -> list[str]:
        async with self.database.read() as session:
            return [str(one) for one in await session.scalars(select(SystemConflict.kind))]


@pytest.fixture(autouse=True)
def nothing_outside() -> Iterator[None]:
    """What a test installs is gone afterwards."""
    before = outside.current()
    yield
    outside.install(before)


@pytest.fixture
async def fhir_server() -> AsyncIterator[FhirServer]:
    async with FhirServer().serving() as server:
        server.clinic("Y1", "eye", [at(9), at(9, 10), at(9, 20)])
        server.clinic("Y2", "eye", [at(14), at(14, 10)])
        yield server


@pytest.fixture
async def hospital(
    database: Database, clock: VirtualClock, fhir_server: FhirServer
) -> AsyncIterator[Hospital]:
    """A FHIR server's times are in our rows already, and it is told what happens here."""
    async with database.write("build") as session:
        world = await build(session, clock, slots=False)
    client = FhirClient(fhir_server.url, timeout=30)
    system = FhirSystem(client, record_system=RECORDS, zone=ZoneInfo("Asia/Shanghai"))
    outside.install(Outward(system.name))
    opened = Hospital(database, clock, world, system)
    await opened.mirror()
    yield opened
    await system.close()
