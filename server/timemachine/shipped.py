"""A hospital to play with where there is none: the demo's departments and clinics, shipped questionnaires, articles and plans."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import select

from care.hospital.models import HealthcareService
from care.hospital.seed import seed_hospital
from care.plans import publishing
from care.questionnaires.publishing import publish_shipped
from content.articles import samples
from server import migrate
from server.articles import demo_signer, review_rules
from server.house import House, build
from server.settings import Settings
from store.clock import VirtualClock

OPENS = datetime(2026, 11, 1, tzinfo=UTC)
"""Articles were signed on this day: what is played must not depend on the day it is played."""


@asynccontextmanager
async def shipped_house(settings: Settings) -> AsyncIterator[House]:
    """A house over a database of its own in a temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="banyi-shipped-") as folder:
        clock = VirtualClock(zone=settings.time_zone)
        clock.freeze(OPENS)
        url = f"sqlite+aiosqlite:///{folder}/shipped.db"
        await migrate.upgrade_async(url)
        house = build(settings.model_copy(update={"database_url": url, "redis_url": ""}), clock)
        try:
            await furnish(house)
            await house.templates.sync()
            yield house
        finally:
            await house.close()


async def furnish(house: House) -> None:
    """The hospital and what comes along, into the house's empty database."""
    now = house.clock.now()
    async with house.database.write("shipped") as session:
        if await session.scalar(select(HealthcareService.id).limit(1)) is None:
            await seed_hospital(session)
        await publish_shipped(session, now)
        await publishing.publish_shipped(session, now)
        plans = [one.plan for one in await publishing.all_current(session)]
        named = {str(step.content["slug"]) for plan in plans for step in plan.steps if step.kind == "article"}
        signer = await demo_signer(session)
        parsed = [one for one in samples.read_library() if one.slug in named]
        rules = review_rules(house.settings)
        await samples.publish(
            session, parsed, rules, signer=signer, now=now, today=house.clock.local().date()
        )
