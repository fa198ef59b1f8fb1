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
from care.desk.pages.tools import Tools
from care.desk.stale import give_back_stale
from care.desk.weighing import Weigher
from care.followup.looks import calls
from channels.media.vault import Vault
from channels.ops.words import words_of
from server.house import House
from server.ops import ops_house
from store.rounds import rounds

STALE_EVERY = 20.0
"""Seconds between two looks for take-overs nobody answers."""


def add_desk(app: FastAPI, house: House) -> None:
    """Its routes on `app`, the look at the database its open pages share, and what goes back by itself."""
    live = Live(house.database, {**LOOKS, "calls": calls})
    house.work.everywhere.append(live.run)
    house.work.workers.append(lambda: rounds("desk.stale_failed", STALE_EVERY, partial(_give_back, house)))
    app.include_router(desk_router(desk_tools(house, live)))


def desk_tools(house: House, live: Live) -> Tools:
    """The pages' side of `house`."""
    accounts, settings, services = house.vendors.accounts, house.settings, house.services
    return Tools(
        desk=Desk(house.database, house.clock),
        live=live,
        vault=Vault(settings.media),
        weigher=Weigher(
            house.catalogue,
            types={one.account_id: one.account_type for one in accounts.wechat.values()},
            signs={name: one.sign for name, one in accounts.sms.items()},
            price=settings.sms_part_price,
        ),
        hours=services.duty_hours,
        stale_after=timedelta(minutes=settings.desk_stale_minutes),
        within=services.answer_within,
        speak=partial(words_of, ops_house(house)),
        say=lambda reply: house.catalogue.render_wechat(reply, None).text,
        promised=partial(promised, services),
        due=services.due_at,
        queued=house.outbound.queued,
    )


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
