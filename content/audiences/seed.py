"""The demo's audiences (`data/seed/audiences/samples.yml`): something to open, change and send to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.audiences import service
from content.audiences.data import load
from content.audiences.models import Audience
from content.audiences.rules import read


async def seed_samples(session: AsyncSession, now: datetime) -> int:
    """Add the samples unless there are audiences already; how many were added."""
    if await session.scalar(select(Audience.id).limit(1)) is not None:
        return 0
    samples = load("samples")["audiences"]
    for one in samples:
        rule = read(one["rule"])
        await service.create(session, name=one["name"], note=one["note"], rule=rule, now=now, staff_id=None)
    return len(samples)
