"""Those who did not come back when they were due, and those who were found again."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.followup.models import Loss
from content.insight.figures.rows import LostRow
from content.insight.period import Period


async def lost(session: AsyncSession, period: Period) -> list[LostRow]:
    """Noticed in the period, by the reason and stage they have now."""
    rows = await session.execute(
        select(Loss.reason, Loss.stage, func.count())
        .where(period.holds(Loss.noticed_at))
        .group_by(Loss.reason, Loss.stage)
        .order_by(Loss.reason, Loss.stage)
    )
    return [LostRow(*row) for row in rows]
