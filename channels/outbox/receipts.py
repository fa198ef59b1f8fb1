"""Vendors' delivery reports: idempotent, in any order, and a state never goes back.

accepted → delivered | failed, and failed → delivered: carriers do report a message as expired or undelivered and hand it over
when the phone is switched on again (late DELIVRD after EXPIRED is known of every gateway), and a report that it arrived is
proof. Never delivered → failed. What was reported as failed goes on by the next rung, if its gate saw one and it is not an
answer or a code; a late success takes it out of the queue again. A report belongs to its own try: after a person had the message
sent again, a late failure of the try before changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import ladder
from channels.outbox.jobs import History, histories
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung, TroubleDesk
from channels.ports import Receipt
from channels.questions import service as questions
from store.clock import Clock
from store.database import Database, after_commit

log = structlog.get_logger(__name__)

_OF_ACCOUNT = (
    select(DeliveryAttempt)
    .join(OutboundMessage, OutboundMessage.id == DeliveryAttempt.outbound_id)
    .where(
        OutboundMessage.channel == bindparam("of_channel"),
        OutboundMessage.account_id == bindparam("of_account"),
    )
    .order_by(DeliveryAttempt.n.desc())
    .with_for_update(of=DeliveryAttempt)
    .execution_options(populate_existing=True)
)
_BY_VENDOR = _OF_ACCOUNT.where(DeliveryAttempt.vendor_id == bindparam("of_vendor")).limit(1)
_BY_MESSAGE = _OF_ACCOUNT.where(DeliveryAttempt.outbound_id == bindparam("of_message"))
_SENT = ("accepted", "uncertain", "failed")


class Receipts:
    """Implements `ReceiptSink`. `wake` is called when something goes on by its next rung; `desk` hears of what does not
    arrive at all."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
        desk: TroubleDesk | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake
        self._desk = desk

    async def record(self, receipts: list[Receipt]) -> list[Receipt]:
        """Keep what the vendors reported; gives back those that belong to no message of ours."""

        async def work(session: AsyncSession) -> list[Receipt]:
            return await self.take(session, receipts)

        return await self._database.transact(work, "receipts")

    async def take(self, session: AsyncSession, receipts: Sequence[Receipt]) -> list[Receipt]:
        """As `record`, in the transaction of the caller."""
        unknown, queued = [], False
        # In one order everywhere: two batches that name the same messages must not wait for each other.
        for receipt in sorted(receipts, key=lambda one: (one.account_id, one.vendor_id, one.client_ref)):
            attempt = await self._attempt(session, receipt)
            if attempt is None:
                log.warning("receipt.unmatched", channel=str(receipt.channel), vendor_id=receipt.vendor_id)
                unknown.append(receipt)
            else:
                queued |= await self._one(session, attempt, receipt)
        if queued:
            after_commit(session, self._wake)
        return unknown

    async def _one(self, session: AsyncSession, attempt: DeliveryAttempt, receipt: Receipt) -> bool:
        """Whether its message goes on by another rung."""
        if attempt.receipt == "delivered" or (attempt.receipt == "failed" and not receipt.ok):
            return False
        now = self._clock.now()
        attempt.receipt = "delivered" if receipt.ok else "failed"
        if attempt.vendor_id is None and attempt.verdict != "started" and receipt.vendor_id:
            attempt.vendor_id = receipt.vendor_id[:120]  # a later report of it is not taken for another try's
        attempt.receipt_at = receipt.at or now
        if not receipt.ok and attempt.code in (None, "0", "OK"):
            attempt.detail = receipt.code[:300]
        await session.flush()
        message = await session.get(
            OutboundMessage, attempt.outbound_id, with_for_update=True, populate_existing=True
        )
        if message is None:
            return False
        if not receipt.ok and attempt.n < message.first_n:
            return False
        if message.status == "uncertain" and self._desk is not None:
            await self._desk.cleared(session, message.id, now)
        if receipt.ok:
            if message.status in _SENT or (message.status == "queued" and attempt.verdict != "retry"):
                _settle(message, "delivered", None, now)
            return False
        if message.status not in _SENT:
            return False
        return await self._failed(session, message, receipt, now)

    async def _failed(
        self, session: AsyncSession, message: OutboundMessage, receipt: Receipt, now: datetime
    ) -> bool:
        history = (await histories(session, [message])).get(message.id) or History()
        step = ladder.failed_later(
            message.purpose, message.plan or (), history.refused, receipt.code[:200], now
        )
        if step.status == "queued":
            message.status, message.reason, message.due_at = "queued", step.reason, now
            message.finished_at = None
            return True
        _settle(message, "failed", step.reason, now)
        await questions.not_seen(session, [message], now)
        if self._desk is not None:
            await self._desk.undeliverable(session, message, receipt.code, now)
        return False

    @staticmethod
    async def _attempt(session: AsyncSession, receipt: Receipt) -> DeliveryAttempt | None:
        """The try it tells of, its row locked: by the vendor's id, else (its answer never came, or is still to come) by our
        reference, which all tries of a message share. The answer may be stored between the two looks, so the second one takes
        what carries the id by then. Of several that it may tell of, a failure is the oldest one's: it must not spoil a newer.
        """
        whose = {"of_channel": str(receipt.channel), "of_account": receipt.account_id}
        if receipt.vendor_id:
            found = await session.scalar(_BY_VENDOR, {**whose, "of_vendor": receipt.vendor_id})
            if found is not None:
                return found
        try:
            message_id = UUID(receipt.client_ref)
        except ValueError:
            return None
        tries = list(await session.scalars(_BY_MESSAGE, {**whose, "of_message": message_id}))
        # Between the two looks its answer was stored: now it carries the number.
        for one in tries:
            if receipt.vendor_id and one.vendor_id == receipt.vendor_id:
                return one
        told = [one for one in tries if _may_be_told_of(one, receipt)]
        return (told[0] if receipt.ok else told[-1]) if told else None


def _may_be_told_of(attempt: DeliveryAttempt, receipt: Receipt) -> bool:
    """Whether it has no number of the vendor's yet that would say so."""
    if attempt.vendor_id is not None and receipt.vendor_id:
        return False
    # Accepted without the vendor's number: an enquiry found it (`enquiry.py`), and the number is in no answer of ours.
    by_enquiry = attempt.verdict == "accepted" and attempt.vendor_id is None and attempt.rung != Rung.PASSIVE
    return by_enquiry or attempt.verdict in ("started", "uncertain")


def _settle(message: OutboundMessage, status: str, reason: str | None, now: datetime) -> None:
    message.status, message.reason, message.due_at = status, reason, None
    message.finished_at = message.finished_at or now
