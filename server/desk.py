"""The staff desk, as the house hands it its parts."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from fastapi import FastAPI

from actions.desk import promised
from care.desk.live import Live
from care.desk.looks import LOOKS
from care.desk.pages.desk import Desk
from care.desk.pages.routes import desk_router
from care.desk.stale import give_back_stale
from server.house import House
from store.rounds import rounds

STALE_EVERY = 20.0
"""Seconds between two looks for take-overs nobody answers."""


def add_desk(app: FastAPI, house: House) -> None:
    """Its routes on `app`, and the look at the database its open pages share."""
    live = Live(house.database, LOOKS)
    house.work.everywhere.append(live.run)
    house.work.workers.append(lambda: rounds("desk.stale_failed", STALE_EVERY, partial(_give_back, house)))
    app.include_router(desk_router(Desk(house.database, house.clock), live))


async def _give_back(house: House) -> None:
    services = house.services
    work = partial(
        give_back_stale,
        clock=house.clock,
        hours=services.duty_hours,
        after=timedelta(minutes=house.settings.desk_stale_minutes),
        within=services.answer_within,
        promised=partial(promised, services),
    )
    if await house.database.transact(work, "desk-stale"):
        house.outbound.queued()
