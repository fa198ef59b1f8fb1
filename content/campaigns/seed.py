"""The demo's campaign (`data/seed/campaigns.yml`): a draft with its audience, ready to be tried out, handed in and started."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.audiences import service as audiences
from content.audiences.models import Audience
from content.audiences.rules import read
from content.campaigns import service
from content.campaigns.kinds import Kind, Late
from content.campaigns.models import Campaign
from content.campaigns.plan import Plan, Variant

FILE = Path(__file__).parents[2] / "data" / "seed" / "campaigns.yml"


@cache
def sample() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


async def seed_campaign(session: AsyncSession, now: datetime) -> bool:
    """Add the sample unless there are campaigns, or its article is not published; whether it was added."""
    given, target = sample()["campaign"], sample()["audience"]
    if await session.scalar(select(Campaign.id).limit(1)) is not None:
        return False
    article = await session.scalar(select(Article).where(Article.slug == given["article"]))
    if article is None or article.live_revision is None:
        return False
    if await session.scalar(select(Audience.id).where(Audience.name == target["name"])) is not None:
        return False
    rule = read(target["rule"])
    made = await audiences.create(
        session, name=target["name"], note=target["note"], rule=rule, now=now, staff_id=None
    )
    plan = Plan(
        name=given["name"],
        note=given["note"],
        kind=Kind.ONCE,
        audience_version_id=made.id,
        variants=(Variant(article.id, article.live_revision),),
        holdout_percent=given["holdout_percent"],
        late=Late(given["late"]),
        late_days=given["late_days"],
    )
    await service.create(session, plan, staff=None, now=now)
    return True
