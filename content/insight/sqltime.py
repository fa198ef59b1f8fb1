"""Spans and days of stored moments, said so that both databases understand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Date, Integer, Interval, cast, func, literal, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import UtcDateTime


def seconds_between(session: AsyncSession, earlier: Any, later: Any) -> ColumnElement[int]:
    """Whole seconds from one moment to the other."""
    if session.get_bind().dialect.name == "sqlite":
        return cast(func.round((func.julianday(later) - func.julianday(earlier)) * 86400), Integer)
    return cast(func.round(func.extract("epoch", later - earlier)), Integer)


def local_day(session: AsyncSession, at: Any, zone: ZoneInfo, near: datetime) -> ColumnElement[date]:
    """The hospital's day of a moment. SQLite knows no zones: there the zone's offset at `near` counts (China has one all year)."""
    if session.get_bind().dialect.name == "sqlite":
        offset = near.astimezone(zone).utcoffset()
        assert offset is not None
        return type_coerce(func.date(at, f"{int(offset.total_seconds()):+d} seconds"), Date())
    return cast(func.timezone(zone.key, at), Date())


def days_after(session: AsyncSession, at: Any, days: int) -> ColumnElement[datetime]:
    """The moment so many times 24 hours later."""
    if session.get_bind().dialect.name == "sqlite":
        # As many digits as stored moments have, or equal ones would not compare as equal.
        later = func.strftime("%Y-%m-%d %H:%M:%f", at, f"+{days} days").concat("000")
        return type_coerce(later, UtcDateTime())
    return type_coerce(at + literal(timedelta(days=days), Interval), UtcDateTime())


async def hash_joins(session: AsyncSession) -> None:
    """For the rest of the transaction PostgreSQL joins sets with sets. It cannot guess how many rows a grouped part has, takes it
    for a handful and goes through it once for every row of the other: minutes instead of a second."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SET LOCAL enable_nestloop = off"))
