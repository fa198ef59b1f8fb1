"""The pages about care plans, as the house hands them their parts."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.editor.desk import Offer, PlanDesk
from care.plans.editor.pages import editor_router
from care.plans.machine.journal import Journal
from content.articles import service, texts
from server.house import House
from server.timemachine.running import TimeMachine
from store.clock import Clock
from web.aside import Aside

KEPT = 120.0
"""Seconds a played plan is shown again, and after which one nobody asks for is given up."""


def add_plan_pages(app: FastAPI, house: House) -> None:
    """`/content/plans` on `app`."""
    trials = Aside[Journal](KEPT, at_once=1)
    house.work.everywhere.append(trials.run)

    def offered(session: AsyncSession) -> Awaitable[Sequence[Offer]]:
        return articles(session, house.clock)

    desk = PlanDesk(house.database, house.clock, offered, TimeMachine(house), trials)
    app.include_router(editor_router(desk))


async def articles(session: AsyncSession, clock: Clock) -> Sequence[Offer]:
    """Slug and title of what may be sent today, by title."""
    live = await texts.live(session, clock.local().date())
    return sorted((await service.titles(session, live)).items(), key=lambda one: one[1])
