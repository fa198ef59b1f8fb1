"""Clinics in the house: their pages, and the workers that tell whom a closure touches and offer places to who waits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.closing import tell_due
from actions.appointments.told import tell_counter
from actions.appointments.waiting import tell
from actions.services import Services
from care.appointments.closures import service as closures
from care.appointments.notices import service as notices
from care.appointments.pages import clinics_router, public_router
from care.appointments.scheduling.pages import schedules_router
from care.desk.pages.desk import Desk
from server.outbound import Outbound
from server.settings import Settings
from server.work import Job
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House

POLL = 1.0
"""Seconds between two looks for notices that are due."""
OFFERS_EVERY = 5.0
"""Seconds between two looks for places somebody waits for."""


def clinic_jobs(settings: Settings, services: Services, outbound: Outbound) -> list[Job]:
    """Jobs for processes with workers: a batch a transaction, so that a crash loses at most one, and says nothing twice."""
    database, clock = services.database, services.clock

    async def batch(session: AsyncSession) -> int:
        return await tell_due(session, services, settings.sms_account, clock.now())

    async def round_() -> None:
        async with database.read("closures-peek") as session:
            if not await closures.is_due(session, clock.now()):
                return
        while await database.transact(batch, "tell-closures"):
            outbound.delivery.wake()

    async def offers(session: AsyncSession) -> int:
        return await tell(session, services)

    async def waitlist_round() -> None:
        if await database.transact(offers, "offer-places"):
            outbound.delivery.wake()

    async def counter(session: AsyncSession) -> int:
        return await tell_counter(session, services, settings.sms_account, settings.queue_tell_ahead)

    async def counter_round() -> None:
        async with database.read("counter-peek") as session:
            if not await notices.is_due(session, clock.now()):
                return
        while await database.transact(counter, "tell-counter"):
            outbound.delivery.wake()

    return [
        partial(rounds, "closures.failed", POLL, round_),
        partial(rounds, "counter.failed", POLL, counter_round),
        partial(rounds, "waitlist.failed", OFFERS_EVERY, waitlist_round),
    ]


def add_clinics(app: FastAPI, house: House) -> None:
    """`/desk/clinics`, `/desk/schedules`, the big screens and the calendar files on `app`."""
    desk = Desk(house.database, house.clock)
    app.include_router(clinics_router(desk))
    app.include_router(public_router(desk))
    app.include_router(schedules_router(desk, house.services.slot_days))
