"""Alerts, the duty roster and word to staff, as the house hands them their parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from care.alerts import chain
from care.alerts.escalating import Escalator
from care.alerts.pages.routes import alerts_router
from care.desk.hours import DutyHours
from care.desk.pages.desk import Desk
from care.duty.pages import roster_router
from care.gate.words import CatalogueWords
from care.reach.courier import Courier
from care.reach.pages import reach_router, words
from channels.wecom.client import WeComClient
from channels.wording.catalogue import Catalogue
from server.outbound import Outbound
from server.settings import Settings
from server.wecom import CardPager, wecom_account
from server.work import Job
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House

EVERY = 1.0
"""Seconds between two looks at what is due."""


def alert_jobs(
    settings: Settings,
    database: Database,
    clock: Clock,
    hours: DutyHours,
    catalogue: Catalogue,
    outbound: Outbound,
) -> list[Job]:
    """The chain that goes on by itself, and what carries its word. Its numbers and hours are this process's from now on."""
    chain.install(chain.read_chain(clock, hours))
    account = wecom_account(settings)
    courier = Courier(
        database,
        clock,
        settings.sms_account,
        CardPager(WeComClient(account), catalogue, clock, settings.base) if account is not None else None,
        partial(CatalogueWords(catalogue).can_say, settings.sms_account),
        outbound.delivery.wake,
    )
    escalator = Escalator(database, clock)
    return [
        lambda: rounds("alerts.chain_failed", EVERY, escalator.run_once),
        courier.run,
    ]


def add_alerts(app: FastAPI, house: House) -> None:
    """`/desk/alerts`, `/desk/roster` and `/account/reach` on `app`."""
    desk = Desk(house.database, house.clock)
    app.include_router(alerts_router(desk))
    app.include_router(roster_router(desk))
    app.include_router(
        reach_router(house.database, house.clock, wecom=wecom_account(house.settings) is not None)
    )
    app.state.account_links = [(words("account", "title"), "/account/reach", words("account", "lead"))]
