"""How much a person has had and is about to get, so that several plans at once stay under the cap; the gate counts again when it sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.burden import free_from
from care.gate.rules import DAY, PUSHED, RANK, WEEK, GateRules
from channels.outbox.models import OutboundMessage
from store import sets

PURPOSES = {"article": "education"}
"""What a step's message is sent under, if not `follow_up`."""
LEFT, WAITING = ("accepted", "delivered", "uncertain"), ("queued", "sending")
_ROW: Any = OutboundMessage.__table__.c


def purpose_of(kind: str) -> str | None:
    """The purpose of a step of this kind; None for calls, which people make."""
    return None if kind == "call" else PURPOSES.get(kind, "follow_up")


@dataclass(slots=True)
class Load:
    """What was pushed to one patient in the last week or waits in the queue, as (moment, rank)."""

    rules: GateRules
    pushed: list[tuple[datetime, int]] = field(default_factory=list)

    def until(self, kind: str, now: datetime) -> datetime | None:
        """When a step of this kind may go, if not now."""
        purpose = purpose_of(kind)
        cap = self.rules.burden.get(purpose) if purpose is not None else None
        if cap is None or purpose is None:
            return None
        times = sorted(at for at, rank in self.pushed if rank <= RANK[purpose])
        free = max(free_from(times, cap.day, DAY, now), free_from(times, cap.week, WEEK, now))
        return free if free > now else None

    def add(self, kind: str, now: datetime) -> None:
        """One more leaves."""
        if (purpose := purpose_of(kind)) is not None:
            self.pushed.append((now, RANK[purpose]))


async def loads_of(
    session: AsyncSession, patient_ids: Sequence[UUID], rules: GateRules, now: datetime
) -> dict[UUID, Load]:
    """By patient: the messages of all departments and channels; answers burden nobody."""
    query = select(_ROW.patient_id, _ROW.purpose, _ROW.finished_at).where(
        sets.among(_ROW.patient_id, "ids"),
        _ROW.purpose.in_(PUSHED),
        _ROW.inbound_id.is_(None),
        or_(
            _ROW.finished_at.is_(None) & func.coalesce(_ROW.status, "").in_(WAITING),
            (_ROW.finished_at > now - WEEK) & func.coalesce(_ROW.status, "").in_(LEFT),
        ),
    )
    loads = {one: Load(rules) for one in patient_ids}
    for patient_id, purpose, at in await session.execute(query, {"ids": list(patient_ids)}):
        loads[patient_id].pushed.append((at or now, RANK[purpose]))
    return loads
