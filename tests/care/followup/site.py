"""The pages of the day's calls over a test's database, and a morning's list."""

from __future__ import annotations

from datetime import date, timedelta

from fastapi import FastAPI

from actions.reminders.offering import offer
from care.desk.pages.desk import Desk
from care.followup import service
from care.followup.calling import Redial
from care.followup.overdue_pages import overdue_router
from care.followup.pages import CallDesk, calls_router
from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from care.patients.models import Patient
from care.patients.pages.desk import PatientDesk
from care.records.models import Encounter, EncounterKind
from care.reminders.pages import reminders_router
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.channels.ops.site import catalogue
from web.build import build
from web.shell import install_shell
from web.signin.pages import signin_router

PLAN = "出院后随访"


def calls_app(database: Database, clock: VirtualClock) -> FastAPI:
    """The pages alone."""
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    gate = Gate(GateRules(), CatalogueWords(catalogue()))
    app.include_router(reminders_router(PatientDesk(database, clock, (), gate), offer))
    app.include_router(overdue_router(Desk(database, clock)))
    app.include_router(calls_router(CallDesk(database, clock, "云江市示范医院", Redial(3, "aliyun"))))
    return app


async def a_morning(database: Database, clock: VirtualClock, world: World, secret: bool = True) -> None:
    """王秀兰 is overdue by two days, 李静 due today, 张伟 (confidential) too."""
    now, today = clock.now(), clock.local().date()
    async with database.write("calls") as session:
        stay = Encounter(
            patient_id=world.wang,
            kind=EncounterKind.INPATIENT,
            department_id=world.eye,
            start_date=date(2026, 11, 10),
            end_date=date(2026, 11, 15),
        )
        session.add(stay)
        for key, who, day in (
            ("a", world.lijing, today),
            ("b", world.wang, today - timedelta(days=2)),
            ("c", world.zhang, today),
        ):
            await service.open_call(
                session, who, key=key, due_on=day, script="discharge", source="plan", now=now, plan=PLAN
            )
        if secret:
            patient = await session.get_one(Patient, world.zhang)
            patient.confidential = True
