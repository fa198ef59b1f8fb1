"""What became of an uncertain message: the vendor is asked, where it can be. Nothing is ever sent again from here.

"The vendor has it" makes it accepted and closes its task; "it failed for good" is taken like a report of failure, and goes on by
the next rung or to a call. No answer leaves it uncertain: that is a person's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.chinatime import CHINA
from channels.contacts.models import Contact
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import TroubleDesk
from channels.outbox.receipts import Receipts
from channels.ports import ChannelName, Outcome, Receipt, Sender
from channels.sms.port import StatusQuery
from store.clock import Clock
from store.database import Database, assert_no_session
from store.rounds import rounds

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=20)
ASK_AFTER = (timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=15), timedelta(hours=2))
"""After these ages of the try the vendor is asked: a message shows up in its records only some seconds later. Ours."""
NO_LONGER = timedelta(hours=12)
AT_ONCE = 50


class Enquiry:
    """Asks after uncertain messages. Several processes may: what is found out is written once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        senders: Mapping[tuple[str, str], Sender],
        receipts: Receipts,
        desk: TroubleDesk,
    ) -> None:
        self._database = database
        self._clock = clock
        self._senders = senders
        self._receipts = receipts
        self._desk = desk
        self._asked: dict[UUID, int] = {}

    async def run(self) -> None:
        """Ask for ever."""
        await rounds("enquiry.failed", EVERY.total_seconds(), self.run_once)

    async def run_once(self) -> int:
        """Ask after what is due; how many are known now."""
        now = self._clock.now()
        async with self._database.read("enquiry") as session:
            rows = await session.execute(
                select(OutboundMessage, Contact, DeliveryAttempt)
                .join(Contact, Contact.id == OutboundMessage.contact_id)
                .join(DeliveryAttempt, DeliveryAttempt.outbound_id == OutboundMessage.id)
                .where(
                    OutboundMessage.status == "uncertain",
                    DeliveryAttempt.verdict == "uncertain",
                    DeliveryAttempt.started_at > now - NO_LONGER,
                )
                .order_by(DeliveryAttempt.started_at.desc())
                .limit(AT_ONCE * 4)
            )
            open_ones = [(row[0], row[1], row[2]) for row in rows]
        self._asked = {one.id: self._asked.get(one.id, 0) for one, _, _ in open_ones}
        due = [row for row in open_ones if self._is_due(row[2], now)][:AT_ONCE]
        return sum([await self._ask(*row) for row in due])

    def _is_due(self, attempt: DeliveryAttempt, now: datetime) -> bool:
        asked = self._asked[attempt.outbound_id]
        return asked < len(ASK_AFTER) and now - attempt.started_at >= ASK_AFTER[asked]

    async def _ask(self, message: OutboundMessage, contact: Contact, attempt: DeliveryAttempt) -> bool:
        self._asked[message.id] += 1
        sender = self._senders.get((contact.channel, contact.account_id))
        if not isinstance(sender, StatusQuery):
            return False
        assert_no_session("the vendor is asked")
        day = attempt.started_at.astimezone(CHINA).date()
        outcome = await sender.resolve(contact.address, str(message.id), day)
        log.info("enquiry.answered", outbound=str(message.id), outcome=str(outcome or "unknown"))
        if outcome is Outcome.REFUSED:
            failed = Receipt(
                channel=ChannelName(contact.channel),
                account_id=contact.account_id,
                vendor_id="",
                client_ref=str(message.id),
                ok=False,
                code="looked_up_failed",
            )
            await self._receipts.record([failed])
        elif outcome is Outcome.ACCEPTED:
            await self._accepted(message, attempt)
        else:
            return False
        return True

    async def _accepted(self, message: OutboundMessage, attempt: DeliveryAttempt) -> None:
        rows: Any = OutboundMessage.__table__
        tries: Any = DeliveryAttempt.__table__

        async def work(session: AsyncSession) -> None:
            now = self._clock.now()
            changed = await session.execute(
                update(rows)
                .where(rows.c.id == message.id, rows.c.status == "uncertain")
                .values(status="accepted", reason="looked_up")
            )
            if not getattr(changed, "rowcount", 0):
                return  # a report or a person was quicker
            await session.execute(
                update(tries).where(tries.c.id == attempt.id).values(verdict="accepted", code="looked_up")
            )
            await self._desk.cleared(session, message.id, now)

        await self._database.transact(work, "enquiry-accepted")
