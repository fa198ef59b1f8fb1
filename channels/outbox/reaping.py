"""Taking over what a dead process left: what it may have sent becomes uncertain, the rest is queued again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import TroubleDesk
from store.clock import Clock, real_now
from store.database import Database

log = structlog.get_logger(__name__)

AT_ONCE = 200


class Reaper:
    """Looks for leases that ran out. `once` is called every few seconds."""

    def __init__(self, database: Database, clock: Clock, desk: TroubleDesk) -> None:
        self._database = database
        self._clock = clock
        self._desk = desk

    async def once(self) -> int:
        """How many were taken over."""
        stale = and_(OutboundMessage.status == "sending", OutboundMessage.lease_until < real_now())
        async with self._database.read("delivery-reap-peek") as session:
            if await session.scalar(select(select(OutboundMessage.id).where(stale).exists())) is not True:
                return 0

        async def work(session: AsyncSession) -> int:
            return await self._take_over(session, stale)

        taken = await self._database.transact(work, "delivery-reap")
        if taken:
            log.warning("delivery.taken_over", count=taken)
        return taken

    async def _take_over(self, session: AsyncSession, stale: Any) -> int:
        now = self._clock.now()
        rows = select(OutboundMessage).where(stale).limit(AT_ONCE).with_for_update(skip_locked=True)
        taken = list(await session.scalars(rows))
        for row in taken:
            attempt = await session.scalar(
                select(DeliveryAttempt)
                .where(DeliveryAttempt.outbound_id == row.id, DeliveryAttempt.verdict == "started")
                .with_for_update()
            )
            if attempt is None:
                _settle(row, "queued", "lease_lost", due_at=now)
                continue
            attempt.verdict, attempt.finished_at = "uncertain", now
            row.rung = attempt.rung
            if attempt.receipt is not None:  # the process died, but the vendor has told us
                _settle(row, attempt.receipt, "process_died", finished_at=now)
                continue
            _settle(row, "uncertain", "process_died", finished_at=now)
            await self._desk.uncertain(session, row, "process_died", now)
        return len(taken)


def _settle(
    row: OutboundMessage,
    status: str,
    reason: str,
    *,
    due_at: datetime | None = None,
    finished_at: datetime | None = None,
) -> None:
    row.status, row.reason = status, reason
    row.lease_token = row.lease_until = None
    row.due_at, row.finished_at = due_at, finished_at
