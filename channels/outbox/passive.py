"""Answers that go back on the callback's own line: they cost no quota and no call.

The callback waits here for what the conversation queues for its message, takes it by a conditional change of the rows (the
delivery worker may want them too: one of the two gets each row), and keeps the very words with the inbound message: whatever
redelivery comes, also while the first is still waiting, is answered with the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.outbox import holds
from channels.outbox.jobs import histories
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Candidate, Rung, SendPolicy
from channels.outbox.service import URGENT_PRIORITY
from channels.ports import Rendered
from channels.reply import Reply
from channels.wechat.wording import TEXT_BYTES, as_text
from channels.wording.catalogue import Catalogue
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.2
"""Seconds between looks while nothing in this process says that something was queued (another process may have)."""
_TALK = ("reply", "staff_reply")


class Passive:
    """Implements `channels.ports.Answers`. `wake` is called when rows were left for the delivery worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: Catalogue,
        policy: SendPolicy,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._policy = policy
        self._wake = wake
        self._news = asyncio.Event()

    def queued(self) -> None:
        """Something was queued in this process: those who wait look at once."""
        self._news.set()
        self._news = asyncio.Event()

    async def answer(self, inbound_id: str, within: float, *, customer_messages: bool) -> Rendered | None:
        """See `channels.ports.Answers`."""
        message_id = UUID(inbound_id)
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            news = self._news
            known, decided = await self._look(message_id)
            if known is not None:
                return Rendered(text=known)
            left = end - loop.time()
            if decided or left <= 0:
                text = await self._take(message_id, customer_messages)
                self._wake()
                return None if text is None else Rendered(text=text)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_EVERY)):
                    await news.wait()

    async def _look(self, message_id: UUID) -> tuple[str | None, bool]:
        """The words already given, and whether what is to be said is known."""
        async with self._database.read("passive-look") as session:
            message = await session.get(InboundMessage, message_id)
            if message is None:
                return None, True
            if message.passive_reply:
                return str(message.passive_reply["text"]), True
            said = select(OutboundMessage.id).where(OutboundMessage.inbound_id == message_id).limit(1)
            return None, message.status != "received" or await session.scalar(said) is not None

    async def _take(self, message_id: UUID, customer_messages: bool) -> str | None:
        """Claim what goes passively; the rest, and whatever is said from now on, is the delivery worker's at once."""

        async def work(session: AsyncSession) -> str | None:
            return await self._take_in(session, message_id, customer_messages)

        return await self._database.transact(work, "passive-take")

    async def _take_in(self, session: AsyncSession, message_id: UUID, customer_messages: bool) -> str | None:
        now = self._clock.now()
        message = await session.scalar(
            select(InboundMessage)
            .where(InboundMessage.id == message_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if message is None:
            return None
        if message.passive_reply:  # another delivery of the same message was quicker
            return str(message.passive_reply["text"])
        rows = await self._waiting(session, message, customer_messages, now)
        taken, text = self._fitting(rows)
        if taken:
            await self._record(session, taken, now)
            message.passive_reply = {"text": text}
        message.passive_until = None
        await session.flush()
        await session.execute(
            update(OutboundMessage)
            .where(OutboundMessage.inbound_id == message_id, OutboundMessage.status == "queued")
            .values(due_at=now)
            .execution_options(synchronize_session=False)
        )
        return text if taken else None

    async def _waiting(
        self, session: AsyncSession, message: InboundMessage, customer_messages: bool, now: datetime
    ) -> list[OutboundMessage]:
        """What may be said now, in order: the answer, and before it what an account without customer messages still owes.

        Empty when something said earlier is on its way: an answer does not overtake it.
        """
        open_rows = list(
            await session.scalars(
                select(OutboundMessage)
                .where(
                    OutboundMessage.conversation_id == message.conversation_id,
                    OutboundMessage.status.in_(("queued", "sending")),
                    OutboundMessage.purpose.in_(_TALK),
                )
                .order_by(OutboundMessage.seq)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        )
        own = [row for row in open_rows if row.inbound_id == message.id]
        if not own:
            return []
        if customer_messages and any(row.priority <= URGENT_PRIORITY for row in own):
            # Nobody confirms that the bytes arrived, and a process may die with them: an emergency's answer leaves as a message
            # of its own, which is known to be accepted or is asked after.
            return []
        earlier = [row for row in open_rows if row.seq < own[0].seq and row.priority <= own[0].priority]
        if any(row.status == "sending" for row in (*earlier, *own)) or (earlier and customer_messages):
            return []
        contact = await session.get(Contact, message.contact_id)
        if contact is None:
            return []
        rows = earlier + own
        verdicts = await self._policy.check(session, [Candidate(row, contact) for row in rows], now)
        stopped = await holds.active(session)
        may = [
            (verdict.send or verdict.call or verdict.pass_to is not None) and not holds.covers(stopped, row)
            for verdict, row in zip(verdicts, rows, strict=True)
        ]
        return rows[: may.index(False)] if False in may else rows

    def _fitting(self, rows: Sequence[OutboundMessage]) -> tuple[list[OutboundMessage], str]:
        """As many of the first rows as one text carries, and that text."""
        taken: list[OutboundMessage] = []
        text = ""
        for row in rows:
            try:
                rendered = self._catalogue.render_wechat(Reply.from_json(row.reply), row.question_id)
            except KeyError:
                break
            more = f"{text}\n\n{as_text(rendered)}" if text else as_text(rendered)
            if len(more.encode()) > TEXT_BYTES:
                break
            taken.append(row)
            text = more
        return taken, text

    @staticmethod
    async def _record(session: AsyncSession, rows: Sequence[OutboundMessage], now: datetime) -> None:
        before = await histories(session, rows)
        for row in rows:
            row.status, row.rung, row.reason = "accepted", str(Rung.PASSIVE), None
            row.attempts += 1
            row.due_at, row.finished_at = None, now
            session.add(
                DeliveryAttempt(
                    outbound_id=row.id,
                    n=before[row.id].next_n if row.id in before else 1,
                    rung=str(Rung.PASSIVE),
                    verdict="accepted",
                    parts=0,
                    code="0",
                    started_at=now,
                    finished_at=now,
                )
            )
