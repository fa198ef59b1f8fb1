"""Alerts, the duty roster and word to staff, as the house hands them their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from care.alerts import chain
from care.alerts.escalating import Escalator
from care.alerts.pages.routes import alerts_router
from care.desk.hours import DutyHours
from care.desk.pages.desk import Desk
from server.work import Job
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House

EVERY = 1.0
"""Seconds between two looks at what is due."""


def alert_jobs(database: Database, clock: Clock, hours: DutyHours) -> list[Job]:
    """The chain that goes on by itself. Its numbers and hours are this process's from now on."""
    chain.install(chain.read_chain(clock, hours))
    escalator = Escalator(database, clock)
    return [lambda: rounds("alerts.chain_failed", EVERY, escalator.run_once)]


def add_alerts(app: FastAPI, house: House) -> None:
    """`/desk/alerts` on `app`."""
    app.include_router(alerts_router(Desk(house.database, house.clock)))
