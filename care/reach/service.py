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
from store.ids import new_id
from web.signin.models import StaffSession


async def at_screen(session: AsyncSession, staff: Collection[UUID], away: timedelta) -> frozenset[UUID]:
    """Those who did something in a signed-in browser within `away` (real time, as sessions count it)."""
    rows = await session.scalars(
        select(StaffSession.staff_id)
        .where(StaffSession.staff_id.in_(staff), StaffSession.last_seen_at > real_now() - away)
        .distinct()
    )
    return frozenset(rows)


async def ways(session: AsyncSession, staff: Sequence[UUID]) -> dict[UUID, list[str]]:
    """How each of them is reached: what a code has proven, WeCom before SMS. Nobody without a way is in it."""
    reached = await session.scalars(select(StaffReach).where(StaffReach.staff_id.in_(staff)))
    found = {
        one.staff_id: [
            name
            for name, since in (("wecom", one.wecom_since), ("sms", one.phone_since))
            if since is not None
        ]
        for one in reached
    }
    return {one: names for one, names in found.items() if names}


async def tell(
    session: AsyncSession, staff: Sequence[UUID], *, alert_id: UUID, step_id: UUID, now: datetime
) -> int:
    """A row for each way each of them is reached, once a step. Returns how many; nobody with a proven number or user id: 0."""
    written = 0
    for one, channels in (await ways(session, staff)).items():
        for channel in channels:
            row = _row(f"{step_id}:{one}:{channel}", one, channel, "alert", now)
            row.alert_id, row.step_id = alert_id, step_id
            written += await add_new(session, row)
    return written


async def gather(
    session: AsyncSession, staff_id: UUID, channel: str, *, kind: str, key: str, number: int, now: datetime
) -> UUID | None:
    """One word about so many of something, once a `key`: its id, or None when it was written before."""
    row = _row(key, staff_id, channel, kind, now)
    row.number = number
    return row.id if await add_new(session, row) else None


def _row(key: str, staff_id: UUID, channel: str, kind: str, now: datetime) -> StaffNotice:
    return StaffNotice(
        id=new_id(),
        dedup_key=key,
        staff_id=staff_id,
        channel=channel,
        kind=kind,
        status="queued",
        created_at=now,
        due_at=now,
        attempts=0,
        number=1,
    )


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
