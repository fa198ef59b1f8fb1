"""How a system is: it answers, or has not since."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.models import SystemState
from store.database import insert_new


async def answered(session: AsyncSession, system: str, now: datetime) -> None:
    """It answers."""
    await _set(session, system, answered_at=now, failing_since=None, failure=None)


async def failed(session: AsyncSession, system: str, reason: str, now: datetime) -> None:
    """It does not; since when is kept from the first time."""
    since = func.coalesce(SystemState.failing_since, now)
    await _set(session, system, failing_since=since, failure=reason[:40])


async def read_to(session: AsyncSession, system: str, cursor: str, now: datetime) -> None:
    """Its changes are read up to `cursor`."""
    await _set(
        session, system, cursor=cursor, cursor_at=now, answered_at=now, failing_since=None, failure=None
    )


async def slots_read(session: AsyncSession, system: str, seen: int, unknown: int, now: datetime) -> None:
    """Its times are read; `unknown`: of doctors or departments we do not have."""
    await _set(
        session,
        system,
        slots_at=now,
        slots_seen=seen,
        slots_unknown=unknown,
        answered_at=now,
        failing_since=None,
        failure=None,
    )


async def of(session: AsyncSession, system: str) -> SystemState | None:
    return await session.get(SystemState, system, populate_existing=True)


async def _set(session: AsyncSession, system: str, **values: Any) -> None:
    await insert_new(session, SystemState, {"system": system, "slots_seen": 0, "slots_unknown": 0})
    await session.execute(
        update(SystemState)
        .where(SystemState.system == system)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
