"""Writing word to staff: rows, in the transaction of what they tell. `courier` sends them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.reach.models import StaffNotice, StaffReach
from care.rows import add_new
from store.clock import real_now
from web.signin.models import StaffSession


async def at_screen(session: AsyncSession, staff: Collection[UUID], away: timedelta) -> frozenset[UUID]:
    """Those who did something in a signed-in browser within `away` (real time, as sessions count it)."""
    rows = await session.scalars(
        select(StaffSession.staff_id)
        .where(StaffSession.staff_id.in_(staff), StaffSession.last_seen_at > real_now() - away)
        .distinct()
    )
    return frozenset(rows)


async def tell(
    session: AsyncSession, staff: Sequence[UUID], *, alert_id: UUID, step_id: UUID, now: datetime
) -> int:
    """A row for each way each of them is reached, once a step. Returns how many; nobody with a proven number or user id: 0."""
    reached = await session.scalars(select(StaffReach).where(StaffReach.staff_id.in_(staff)))
    written = 0
    for one in reached:
        ways = [("wecom", one.wecom_since), ("sms", one.phone_since)]
        for channel in [name for name, since in ways if since is not None]:
            row = StaffNotice(
                dedup_key=f"{step_id}:{one.staff_id}:{channel}",
                staff_id=one.staff_id,
                alert_id=alert_id,
                step_id=step_id,
                channel=channel,
                kind="alert",
                status="queued",
                created_at=now,
                due_at=now,
                attempts=0,
                number=1,
            )
            written += await add_new(session, row)
    return written


async def drop(session: AsyncSession, alert_id: UUID, now: datetime) -> None:
    """The alert was seen to: what has not left yet need not."""
    await session.execute(
        update(StaffNotice)
        .where(StaffNotice.alert_id == alert_id, StaffNotice.status == "queued")
        .values(status="dropped", due_at=None, finished_at=now)
        .execution_options(synchronize_session=False)
    )


async def told(session: AsyncSession, alert_ids: Sequence[UUID]) -> dict[tuple[UUID, str, str], int]:
    """(step, channel, status) → how many words of it, for the alerts' history."""
    rows = await session.execute(
        select(StaffNotice.step_id, StaffNotice.channel, StaffNotice.status, func.count())
        .where(StaffNotice.alert_id.in_(alert_ids), StaffNotice.step_id.is_not(None))
        .group_by(StaffNotice.step_id, StaffNotice.channel, StaffNotice.status)
    )
    return {(step, channel, status): number for step, channel, status, number in rows if step is not None}
