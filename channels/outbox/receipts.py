"""Vendors' delivery reports: idempotent, and a state never goes back."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
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

    async def record(self, receipts: list[Receipt]) -> list[Receipt]:
        """Keep what the vendors reported; gives back those that belong to no message of ours."""

        async def work(session: AsyncSession) -> list[Receipt]:
            return [receipt for receipt in receipts if not await self._one(session, receipt)]

        return await self._database.transact(work, "receipts")

    async def _one(self, session: AsyncSession, receipt: Receipt) -> bool:
        """Whether it belongs to a message of ours."""
        attempt = await self._attempt(session, receipt)
        if attempt is None:
            log.warning("receipt.unmatched", channel=str(receipt.channel), vendor_id=receipt.vendor_id)
            return False
        if attempt.receipt == "delivered":
            return True
        attempt.receipt = "delivered" if receipt.ok else "failed"
        attempt.receipt_at = receipt.at or self._clock.now()
        message = await session.get(OutboundMessage, attempt.outbound_id)
        if message is not None and message.status in ("accepted", "uncertain", "failed"):
            message.status = attempt.receipt
            message.reason = None if receipt.ok else receipt.code[:200]
        return True

    @staticmethod
    async def _attempt(session: AsyncSession, receipt: Receipt) -> DeliveryAttempt | None:
        """The try it tells of, its row locked: by the vendor's id, else (its answer never came, or is still to come) by our
        reference. The answer may be stored between the two looks, so the second one takes what carries the id by then.
        """
        of_account = (
            select(DeliveryAttempt)
            .join(OutboundMessage, OutboundMessage.id == DeliveryAttempt.outbound_id)
            .join(Contact, Contact.id == OutboundMessage.contact_id)
            .where(Contact.channel == str(receipt.channel), Contact.account_id == receipt.account_id)
            .order_by(DeliveryAttempt.n.desc())
            .limit(1)
            .with_for_update(of=DeliveryAttempt)
            .execution_options(populate_existing=True)
        )
        if receipt.vendor_id:
            found = await session.scalar(of_account.where(DeliveryAttempt.vendor_id == receipt.vendor_id))
            if found is not None:
                return found
        try:
            message_id = UUID(receipt.client_ref)
        except ValueError:
            return None
        latest = await session.scalar(of_account.where(DeliveryAttempt.outbound_id == message_id))
        if latest is None:
            return None
        is_open = latest.verdict in ("started", "uncertain")
        return latest if is_open or (receipt.vendor_id and latest.vendor_id == receipt.vendor_id) else None
