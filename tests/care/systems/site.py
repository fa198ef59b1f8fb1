"""The pages of the systems over a test's database, with a FHIR server that refused one booking and never answered another."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from care.appointments import outside
from care.systems.fhir.client import FhirClient
from care.systems.fhir.system import FhirSystem
from care.systems.hl7.codes import read_codes
from care.systems.outward import Outward
from care.systems.pages import SystemsDesk, systems_router
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import build
from tests.care.systems.conftest import RECORDS, Hospital, at
from tests.factories.fhir_server import FhirServer
from web.build import build as build_pages
from web.shell import install_shell
from web.signin.pages import signin_router


def fhir_at(url: str) -> FhirSystem:
    return FhirSystem(FhirClient(url, timeout=30), record_system=RECORDS, zone=ZoneInfo("Asia/Shanghai"))


def systems_app(database: Database, clock: VirtualClock, system: FhirSystem) -> FastAPI:
    """The pages alone."""
    build_pages()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(systems_router(SystemsDesk(database, clock, system, read_codes())))
    return app


async def a_bad_day(
    database: Database, clock: VirtualClock, system: FhirSystem, server: FhirServer
) -> Hospital:
    """王秀兰's place was filled there, 李静's booking was never answered; the server is still out of order."""
    server.clinic("Y1", "eye", [at(9), at(9, 10), at(9, 20)])
    async with database.write("a hospital") as session:
        world = await build(session, clock, slots=False)
    hospital = Hospital(database, clock, world, system)
    before = outside.current()
    outside.install(Outward(system.name))
    await hospital.mirror()
    taken = next(one for one in server.every("Slot") if one["start"] == at(9).isoformat())
    server.put({**taken, "status": "busy"})
    await hospital.book(world.wang, at(9))
    await hospital.tell()
    server.broken = True
    await hospital.book(world.lijing, at(9, 10))
    await hospital.tell()
    clock.advance(timedelta(hours=25))
    await hospital.tell()
    outside.install(before)
    return hospital
