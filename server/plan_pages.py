"""The pages about care plans, as the house hands them their parts."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.editor.desk import Offer, PlanDesk
from care.plans.editor.pages import editor_router
from content.articles import service, texts
from server.house import House
from store.clock import Clock


def add_plan_pages(app: FastAPI, house: House) -> None:
    """`/content/plans` on `app`."""
    app.include_router(editor_router(plan_desk(house)))


def plan_desk(house: House) -> PlanDesk:
    return PlanDesk(house.database, house.clock, lambda session: articles(session, house.clock))


async def articles(session: AsyncSession, clock: Clock) -> Sequence[Offer]:
    """Slug and title of what may be sent today, by title."""
    live = await texts.live(session, clock.local().date())
    return sorted((await service.titles(session, live)).items(), key=lambda one: one[1])
