"""Vendors' delivery reports: idempotent, and a state never goes back."""

from __future__ import annotations

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.ports import Receipt
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)


class Receipts:
    """Implements `ReceiptSink`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, receipts: list[Receipt]) -> None:
        async def work(session: AsyncSession) -> None:
            for receipt in receipts:
                await self._one(session, receipt)

        await self._database.transact(work, "receipts")

    async def _one(self, session: AsyncSession, receipt: Receipt) -> None:
        attempt = await session.scalar(
            select(DeliveryAttempt).where(DeliveryAttempt.vendor_id == receipt.vendor_id).limit(1)
        )
        if attempt is None:
            log.warning("receipt.unmatched", channel=str(receipt.channel), vendor_id=receipt.vendor_id)
            return
        if attempt.receipt == "delivered":
            return
        attempt.receipt = "delivered" if receipt.ok else "failed"
        attempt.receipt_at = receipt.at or self._clock.now()
        message = await session.get(OutboundMessage, attempt.outbound_id)
        if message is not None and message.status in ("accepted", "uncertain", "failed"):
            message.status = attempt.receipt
            message.reason = None if receipt.ok else receipt.code[:200]
