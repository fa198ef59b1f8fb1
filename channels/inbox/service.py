"""Taking messages in: one transaction stores them, moves the sending window and makes the conversation due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Integer, and_, bindparam, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from channels import metrics
from channels.contacts import service as contacts
from channels.contacts.models import Conversation, SendingWindow
from channels.inbox import arrival
from channels.inbox.models import InboundMessage, Quarantined
from channels.inbox.spool import Spool
from channels.outbox.receipts import Receipts
from channels.ports import Accepted, ChannelName, Inbound, Rendered
from channels.wechat import events
from channels.wechat.window import RULES, Grant, grant_of
from store import crypto
from store.base import UtcDateTime
from store.clock import Clock
from store.database import Database, DatabaseUnavailable, insert_new, is_unavailable
from store.ids import new_id
from store.rounds import rounds

log = structlog.get_logger(__name__)

_COLUMNS = (
    "id", "conversation_id", "contact_id", "seq", "channel", "account_id", "vendor_key", "kind", "event", "event_key",
    "option_ref", "text_sealed", "raw_sealed", "passive_until", "sent_at", "received_at", "status",
)  # fmt: skip


_CONVERSATION: Any = Conversation.__table__
_ARRIVED = (
    update(_CONVERSATION)
    .where(_CONVERSATION.c.id == bindparam("conversation"))
    .values(inbound_seq=bindparam("seq"), last_inbound_at=bindparam("now"), due_at=bindparam("now"))
)
_REPORTED = (
    update(_CONVERSATION)
    .where(_CONVERSATION.c.id == bindparam("conversation"))
    .values(inbound_seq=bindparam("seq"), due_at=bindparam("now"))
)
"""As `_ARRIVED`, when it is not the patient who said something."""
_WINDOW: Any = SendingWindow.__table__
_OPEN = and_(_WINDOW.c.expires_at > bindparam("now", type_=UtcDateTime()), _WINDOW.c.remaining > 0)
_COUNT, _END = bindparam("count", type_=Integer), bindparam("end", type_=UtcDateTime())
# `channels.wechat.window.Window.grant` in one statement: while open, the larger count and the later end.
_GRANT = (
    update(_WINDOW)
    .where(_WINDOW.c.contact_id == bindparam("contact"))
    .values(
        remaining=case((and_(_OPEN, _WINDOW.c.remaining > _COUNT), _WINDOW.c.remaining), else_=_COUNT),
        expires_at=case((and_(_OPEN, _WINDOW.c.expires_at > _END), _WINDOW.c.expires_at), else_=_END),
    )
)


LINE_MARGIN = 1.0
"""Seconds the delivery worker leaves an answer to the callback beyond what that waits."""


def _line_open_until(message: Inbound, now: datetime) -> datetime | None:
    return now + timedelta(seconds=message.answer_within + LINE_MARGIN) if message.answer_within > 0 else None


def _stored_key(message: Inbound) -> str:
    """The vendor's key; hashed where it holds the address (WeChat's events have no number of their own) or is too long."""
    key = message.vendor_key
    if message.address not in key and len(key) <= 255:
        return key
    return f"h:{crypto.lookup(key, 'inbound.vendor_key')}"


class Inbox:
    """Implements `InboundSink`. `wake` is called after each stored batch so that a worker need not wait for its next look."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        spool: Spool,
        wake: Callable[[], None] | None = None,
        *,
        receipts: Receipts | None = None,
        kind_of: events.KindOf = lambda account_id, template_id: "once",
    ) -> None:
        """`receipts` takes the delivery reports WeChat sends as events; `kind_of` tells long-term notices from others."""
        self._receipts = receipts
        self._kind_of = kind_of
        self._database = database
        self._clock = clock
        self._spool = spool
        self._wake = wake or (lambda: None)

    async def accept(self, messages: list[Inbound]) -> list[Accepted]:
        """Store `messages` for good. Raises `StorageUnavailable` when neither the database nor the spool took them.

        What the spool still holds of the same senders goes before them: a conversation is told in its order.
        """
        earlier = self._spool.of_senders(messages)

        async def work(session: AsyncSession) -> list[Accepted]:
            for one in earlier:
                await self._store(session, one.message, one.arrived)
            return await self._store_all(session, messages)

        for attempt in (1, 2):
            try:
                accepted = await self._database.transact(work, "inbox")
                for one in earlier:
                    one.path.unlink(missing_ok=True)
                self._wake()
                return accepted
            except IntegrityError:
                # Two deliveries of one message at once: the second look finds it stored.
                if attempt == 2:
                    raise
                earlier = []  # if one of them is at fault, the spool's own look puts it aside
            except (DatabaseUnavailable, TimeoutError) as error:
                log.warning("inbox.spooled", count=len(messages), reason=type(error).__name__)
                await self._spool.put(messages, self._clock.now())
                return [Accepted(inbound_id="", duplicate=False) for _ in messages]
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await self._spool.put(messages, self._clock.now())
                return [Accepted(inbound_id="", duplicate=False) for _ in messages]
        raise AssertionError("unreachable")

    async def _store_all(self, session: AsyncSession, messages: list[Inbound]) -> list[Accepted]:
        """Address by address, so that two batches of the same people cannot wait for each other's rows."""
        by_address = sorted(
            range(len(messages)),
            key=lambda n: (messages[n].channel, messages[n].account_id, messages[n].address),
        )
        done = {n: await self._store(session, messages[n]) for n in by_address}
        return [done[n] for n in range(len(messages))]

    async def _store(
        self, session: AsyncSession, message: Inbound, arrived: datetime | None = None
    ) -> Accepted:
        """`arrived`: when it came in, if it had to wait."""
        now = arrived or self._clock.now()
        contact, conversation = await contacts.ensure(
            session, message.channel, message.account_id, message.address, now
        )
        row = InboundMessage(
            id=new_id(),
            conversation_id=conversation.id,
            contact_id=contact.id,
            seq=conversation.inbound_seq + 1,
            channel=str(message.channel),
            account_id=message.account_id,
            vendor_key=_stored_key(message),
            kind=message.kind,
            event=message.event,
            event_key=message.event_key[:128],
            option_ref=message.option_ref[:128],
            text=message.text,
            raw=message.raw,
            passive_until=_line_open_until(message, now),
            sent_at=message.sent_at,
            received_at=now,
            status="received",
        )
        spoke = events.speaks(message)
        kind = grant_of(message) if message.channel is ChannelName.WECHAT else None
        # The conversation's row is locked (or the database is): nobody else counts on between.
        if not await self._arrive(session, row, spoke, kind, now):
            return await self._known(session, message)
        set_committed_value(
            conversation, "inbound_seq", row.seq
        )  # others of this transaction count on from here
        if contact.status == "erased" and spoke:  # the person had it deleted, and comes back by themselves
            contact.address, contact.status = message.address, "active"
        if message.event == "unsubscribe" and contact.status != "erased":
            contact.status = "unfollowed"
        elif contact.status == "unfollowed" and spoke:
            contact.status = "active"
        if message.channel is ChannelName.WECHAT and message.kind == "event":
            await self._event(session, message, contact.id, row.id, now)
        await session.flush()
        metrics.RECEIVED.labels(str(message.channel)).inc()
        return Accepted(inbound_id=str(row.id), duplicate=False)

    async def _arrive(
        self, session: AsyncSession, row: InboundMessage, spoke: bool, kind: Grant | None, now: datetime
    ) -> bool:
        """Store the row, make its conversation due, move the window; False when the message is known."""
        values = {name: getattr(row, name) for name in _COLUMNS}
        if not self._database.is_sqlite:
            return await arrival.arrive(session, values, spoke=spoke, kind=kind, now=now)
        if not await insert_new(session, InboundMessage, values):
            return False
        arrived = _ARRIVED if spoke else _REPORTED
        await session.execute(arrived, {"conversation": row.conversation_id, "seq": row.seq, "now": now})
        if kind is not None:
            await self._grant(session, row.contact_id, kind, now)
        return True

    async def _event(
        self, session: AsyncSession, message: Inbound, contact_id: UUID, inbound_id: UUID, now: datetime
    ) -> None:
        """Consents and delivery reports, in the transaction that keeps the event they came in."""
        await events.take_consent(session, message, contact_id, inbound_id, self._kind_of, now)
        if self._receipts is not None and (reports := events.receipts(message)):
            await self._receipts.take(session, await events.with_reference(session, contact_id, reports))

    @staticmethod
    async def _known(session: AsyncSession, message: Inbound) -> Accepted:
        """A redelivery: acknowledged with what was stored, changing nothing."""
        known = (
            await session.scalars(
                select(InboundMessage).where(
                    InboundMessage.channel == str(message.channel),
                    InboundMessage.account_id == message.account_id,
                    InboundMessage.vendor_key == _stored_key(message),
                )
            )
        ).one()
        stored = known.passive_reply
        reply = Rendered(text=stored["text"]) if stored else None
        return Accepted(inbound_id=str(known.id), duplicate=True, passive_reply=reply)

    @staticmethod
    async def _grant(session: AsyncSession, contact_id: UUID, kind: Grant, now: datetime) -> None:
        count, lasts = RULES[kind]
        values = {"contact": contact_id, "count": count, "end": now + lasts, "now": now}
        changed = await session.execute(_GRANT, values)
        if not getattr(changed, "rowcount", 0):
            first = {"contact_id": contact_id, "remaining": count, "expires_at": now + lasts}
            await insert_new(session, SendingWindow, first)

    async def quarantine(self, channel: ChannelName, account_id: str, body: bytes, reason: str) -> None:
        """Keep an unreadable body for people to look at."""
        log.warning("inbox.quarantined", channel=str(channel), account=account_id, reason=reason)
        async with self._database.write("quarantine") as session:
            session.add(
                Quarantined(
                    channel=str(channel),
                    account_id=account_id,
                    reason=reason[:200],
                    body=body.decode("utf-8", "replace"),
                    received_at=self._clock.now(),
                )
            )

    async def replay_spool(self) -> int:
        """Store what waits in the spool; how many were. Stops at the first that the database still refuses."""
        done = 0
        for one in self._spool.read():
            try:
                async with self._database.write("spool-replay") as session:
                    await self._store(session, one.message, one.arrived)
            except (DatabaseUnavailable, TimeoutError):
                break
            except Exception as error:
                # Kept, and tried again with the next look; it must not hold up the others.
                log.error("inbox.spool_refused", file=one.path.name, reason=type(error).__name__)
                continue
            one.path.unlink(missing_ok=True)
            done += 1
        if done:
            log.info("inbox.spool_replayed", count=done)
            self._wake()
        return done

    async def run_spool(self, every: timedelta = timedelta(seconds=5)) -> None:
        """Look after the spool for ever."""

        async def look() -> None:
            if self._spool.waiting():
                await self.replay_spool()

        await rounds("inbox.spool_failed", every.total_seconds(), look)
