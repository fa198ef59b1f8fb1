"""Asking for figures: what was counted not long ago is shown with its time, and counted anew behind the reader's back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from content.insight.models import InsightFigures
from content.insight.period import USUAL_DAYS, Period, ending
from store.database import insert_new
from store.ids import new_id

FRESH = timedelta(minutes=10)
"""Figures older than that are counted anew when somebody looks."""
REPORTS_SHOWN = 12


async def wanted(session: AsyncSession, period: Period, now: datetime) -> InsightFigures:
    """The newest figures of `period`; due to be counted where there are none, or old ones."""
    row = await _row(session, period.key, period, now, None)
    stale = row.as_of is None or row.as_of < now - FRESH
    if stale and row.due_at is None and row.dead_reason is None:
        row.due_at, row.step = now, 0
    return row


async def find(session: AsyncSession, period: Period) -> InsightFigures | None:
    """What is there of `period`."""
    found: InsightFigures | None = await session.scalar(
        select(InsightFigures).where(InsightFigures.key == period.key)
    )
    return found


async def ask_report(
    session: AsyncSession, period: Period, now: datetime, staff_id: UUID | None
) -> tuple[InsightFigures, bool]:
    """The report of one month, to be made (again). Second: whether it is asked for now and was not being made already."""
    row = await _row(session, report_key(period.first), period, now, staff_id, report=True)
    if row.due_at is not None and row.dead_reason is None:
        return row, row.asked_at == now
    row.due_at, row.step, row.asked_at, row.asked_by = now, 0, now, staff_id
    row.dead_reason, row.attempts = None, 0
    return row, True


async def again(session: AsyncSession, key: str, now: datetime) -> None:
    """What could not be counted is tried once more."""
    await session.execute(
        update(InsightFigures)
        .where(InsightFigures.key == key, InsightFigures.dead_reason.is_not(None))
        .values(dead_reason=None, attempts=0, due_at=now, step=0)
    )


def report_key(month: date) -> str:
    return f"report/{month:%Y-%m}"


async def reports(session: AsyncSession) -> Sequence[InsightFigures]:
    """The last reports, the newest month first."""
    rows = await session.scalars(
        select(InsightFigures)
        .where(InsightFigures.report)
        .order_by(InsightFigures.first_month.desc())
        .limit(REPORTS_SHOWN)
    )
    return rows.all()


async def file_of(session: AsyncSession, month: date) -> InsightFigures | None:
    """A month's report with its file; None where there is none (yet)."""
    found: InsightFigures | None = await session.scalar(
        select(InsightFigures)
        .where(InsightFigures.key == report_key(month), InsightFigures.pdf.is_not(None))
        .options(undefer(InsightFigures.pdf))
    )
    return found


async def report_due(session: AsyncSession, period: Period, now: datetime) -> bool:
    """Ask for the report of the month before, once, when nobody has yet. Whether that was so."""
    known = select(InsightFigures.id).where(InsightFigures.key == report_key(period.first))
    if await session.scalar(known) is not None:
        return False
    return (await ask_report(session, period, now, None))[1]


async def _row(
    session: AsyncSession,
    key: str,
    period: Period,
    now: datetime,
    staff_id: UUID | None,
    *,
    report: bool = False,
) -> InsightFigures:
    fresh = {
        "id": new_id(),
        "key": key,
        "first_month": period.first,
        "months": period.count,
        "days": period.days,
        "report": report,
        "step": 0,
        "asked_at": now,
        "asked_by": staff_id,
        "due_at": now,
        "attempts": 0,
    }
    await insert_new(session, InsightFigures, fresh)
    row: InsightFigures = (
        await session.scalars(select(InsightFigures).where(InsightFigures.key == key).with_for_update())
    ).one()
    return row


def last_month(today: date, zone: ZoneInfo) -> Period:
    """The month before `today`'s."""
    return ending(today.replace(day=1) - timedelta(days=1), 1, zone, USUAL_DAYS)
