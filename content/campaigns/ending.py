"""What is left to do for a campaign, whether it is over, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.campaigns import late, times, workflow
from content.campaigns.kinds import Kind, State
from content.campaigns.models import Campaign, CampaignLaunch, CampaignRecipient
from content.campaigns.settle import REPORTS
from store.clock import Clock

AGAIN = timedelta(seconds=2)
"""Between two looks while messages of it are planned or wait."""
REPORTED = timedelta(minutes=1)
"""Between two looks while only reports are awaited."""
HOURLY = timedelta(hours=1)
"""Between two looks at dates in the record: what is loaded late in the day is seen the same day."""
_ROW: Any = CampaignRecipient.__table__
_IS_PLANNED: Any = literal_column("campaign_recipient.state = 'planned'")
_IS_OPEN: Any = literal_column("campaign_recipient.state IN ('queued', 'sent', 'uncertain')")


@dataclass(frozen=True, slots=True)
class Facts:
    """`planned`: when the next planned recipient is due; `queued`, `awaited`: whether messages wait, or reports on them; `launch`:
    the newest one."""

    planned: datetime | None
    queued: bool
    awaited: bool
    launch: CampaignLaunch | None

    @property
    def open(self) -> bool:
        return self.planned is not None or self.queued


async def look(session: AsyncSession, row: Campaign, now: datetime) -> Facts:
    mine = _ROW.c.campaign_id == row.id
    planned = await session.scalar(select(func.min(_ROW.c.planned_at)).where(mine, _IS_PLANNED))
    queued = await session.scalar(select(exists().where(mine, _IS_OPEN, _ROW.c.state == "queued")))
    left = (_ROW.c.state.in_(("sent", "uncertain")), _ROW.c.settled_at > now - REPORTS)
    awaited = await session.scalar(select(exists().where(mine, _IS_OPEN, *left)))
    return Facts(planned, bool(queued), bool(awaited), await newest(session, row.id))


async def newest(session: AsyncSession, campaign_id: UUID) -> CampaignLaunch | None:
    """The newest launch."""
    rows = select(CampaignLaunch).where(CampaignLaunch.campaign_id == campaign_id)
    return (await session.scalars(rows.order_by(CampaignLaunch.occurrence.desc()).limit(1))).first()


async def finish_if_over(session: AsyncSession, row: Campaign, facts: Facts, clock: Clock) -> None:
    if facts.open or (facts.launch is not None and facts.launch.state == "making"):
        return
    now = clock.now()
    if row.kind in (Kind.EVENT, Kind.RELATIVE):
        if row.end_at is not None and row.end_at <= now:
            await workflow.finish(session, row, now)
        return
    if facts.launch is not None and late.adds_newcomers(row, facts.launch.planned_at, now):
        return
    if times.next_due(row, clock, facts.launch.occurrence if facts.launch is not None else 0) is None:
        await workflow.finish(session, row, now, missed=facts.launch is None)


def looks_at_dates(row: Campaign, clock: Clock) -> datetime:
    """When dates in the record are to be looked at: at the campaign's hour, then each hour of that day."""
    if row.looked_until is None:
        return times.at_time(clock, clock.local().date(), row.at_time)
    seen = clock.local(row.looked_until).date()
    hour = times.at_time(clock, seen, row.at_time)
    if row.looked_until < hour:
        return hour
    return min(row.looked_until + HOURLY, times.at_time(clock, seen + timedelta(days=1), row.at_time))


def next_look(row: Campaign, facts: Facts, clock: Clock) -> datetime | None:
    """When a worker looks at it again; None: when somebody does something with it."""
    now = clock.now()
    moments: list[datetime] = []
    if facts.queued:
        moments.append(now + AGAIN)
    if facts.awaited:
        moments.append(now + REPORTED)
    match row.state:
        case State.RUNNING:
            moments += _running(row, facts, clock)
        case State.ABORTED if facts.planned is not None:
            moments.append(now)
        case State.APPROVED if facts.launch is not None:
            moments.append(now)
        case _:
            pass
    return min(moments) if moments else None


def _running(row: Campaign, facts: Facts, clock: Clock) -> list[datetime]:
    now, launch = clock.now(), facts.launch
    moments = [] if row.end_at is None or row.end_at <= now else [row.end_at]
    if facts.planned is not None:
        undo = (row.started_at or now) + workflow.UNDO_FOR
        moments.append(max(facts.planned, undo, now + AGAIN))
    if launch is not None and launch.state == "making":
        moments.append(now)
    if row.kind == Kind.EVENT:
        moments.append(max(row.start_at or now, now + AGAIN))
    elif row.kind == Kind.RELATIVE:
        moments.append(max(row.start_at or now, looks_at_dates(row, clock), now + AGAIN))
    else:
        due = times.next_due(row, clock, launch.occurrence if launch is not None else 0)
        moments += [max(due[1], now)] if due is not None else []
        if launch is not None and late.adds_newcomers(row, launch.planned_at, now):
            moments.append((launch.swept_at or launch.planned_at) + late.SWEEP_EVERY)
    return moments
