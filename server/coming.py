"""Visits to come in the house: their page, and the worker that reminds, asks after missed ones and closes days."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.coming import tell_due
from actions.services import Services
from care.appointments.coming import ending, leads
from care.appointments.coming.pages import ComingDesk, coming_router
from care.appointments.noshow.pages import NoshowDesk, noshow_router
from care.appointments.noshow.worker import NoshowWorker
from server.outbound import Outbound
from server.settings import Settings
from server.work import Job
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House

EVERY = 30.0
"""Seconds between two looks for reminders that are due."""
DAY_ENDS_EVERY = 600.0
"""Seconds between two looks for visits of days that are past."""


def coming_jobs(settings: Settings, services: Services, outbound: Outbound) -> list[Job]:
    """Jobs for processes with workers: a batch a transaction, each step of each visit once."""
    database, clock = services.database, services.clock
    usual = leads.read(settings.appointment_reminder_days)
    risky = settings.noshow_high if settings.noshow_model else None

    async def batch(session: AsyncSession) -> int:
        return await tell_due(session, services, settings.sms_account, usual, risky)

    async def remind() -> None:
        while await database.transact(batch, "remind-visits"):
            outbound.delivery.wake()

    noshow = NoshowWorker(database, clock, on=settings.noshow_model)

    async def seen(session: AsyncSession) -> int:
        return await ending.seen_by_now(session, clock)

    async def end_days() -> None:
        await database.transact(seen, "end-of-day")

    return [
        partial(rounds, "reminders.failed", EVERY, remind),
        partial(rounds, "day_end.failed", DAY_ENDS_EVERY, end_days),
        partial(rounds, "noshow.failed", DAY_ENDS_EVERY, noshow.nightly),
    ]


def add_coming(app: FastAPI, house: House) -> None:
    """`/desk/unconfirmed` and `/insight/no-show` on `app`."""
    settings = house.settings
    usual = leads.read(settings.appointment_reminder_days)
    noshow = NoshowDesk(house.database, house.clock, settings.noshow_model, settings.noshow_high)
    app.include_router(noshow_router(noshow))
    app.include_router(coming_router(ComingDesk(house.database, house.clock, usual, settings.noshow_high)))
