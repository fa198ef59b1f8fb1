"""What the day's calls show, in as few numbers as tell that it changed (`care.desk.live`)."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.looks import MOST
from care.followup.models import LIVE, FollowUpCall


async def calls(session: AsyncSession) -> object:
    """Who has which call that is not over, and how many there are of each kind."""
    live = FollowUpCall.status.in_(LIVE)
    held = select(FollowUpCall.id, FollowUpCall.owner_id, FollowUpCall.attempts).where(
        live, FollowUpCall.owner_id.is_not(None)
    )
    rows = await session.execute(held.order_by(FollowUpCall.id).limit(MOST))
    count = await session.execute(
        select(FollowUpCall.status, func.count()).where(live).group_by(FollowUpCall.status)
    )
    return [tuple(row) for row in rows], sorted(tuple(row) for row in count)
