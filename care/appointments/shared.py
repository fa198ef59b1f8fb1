"""What is left, for whoever just came too late: asked once a moment for everybody who lost the same place.

When a clinic opens, a thousand ask for fifty places, and 950 of them would have the same search made. What is told is half a second
old at most, as it would be in the time it takes to read it; a place is taken by its own statement in any case.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.slots import find_half_days
from care.appointments.views import HalfDayView

MOMENT = 0.5
"""Seconds of the process's own clock for which an answer is given again; ours."""
_KEPT = 1_000
"""Answers kept at most; then all are forgotten."""

_Key = tuple[Any, ...]
_told: WeakKeyDictionary[Engine, dict[_Key, tuple[float, Sequence[HalfDayView]]]] = WeakKeyDictionary()


async def half_days_left(
    session: AsyncSession, lost: UUID, *, now: datetime, **wanted: Any
) -> list[HalfDayView]:
    """As `slots.find_half_days`, for who did not get the slot `lost`."""
    told = _told.setdefault(session.get_bind().engine, {})
    asked = (
        lost,
        now.replace(microsecond=0),
        *sorted((name, _plain(value)) for name, value in wanted.items()),
    )
    at = time.monotonic()
    kept = told.get(asked)
    if kept is not None and at - kept[0] < MOMENT:
        return list(kept[1])
    found = await find_half_days(session, now=now, **wanted)
    if len(told) >= _KEPT:
        told.clear()
    told[asked] = (at, found)
    return list(found)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | UUID | datetime) else tuple(value)
