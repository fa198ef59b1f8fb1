"""Conversations as leased rows: one worker at a time holds a conversation and handles its messages in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from store import leases

LEASE = timedelta(seconds=45)


class LeaseLost(RuntimeError):
    """Another worker took the conversation over; nothing of this turn may be applied."""


@dataclass(slots=True)
class Claimed:
    """A conversation in our hands, its contact and the messages that wait, oldest first.

    `more` is known once it is given back: whether a message arrived meanwhile.
    """

    token: UUID
    conversation: Conversation
    contact: Contact
    messages: list[InboundMessage]
    more: bool = False


async def due(session: AsyncSession, now: datetime) -> bool:
    statement = (
        select(Conversation.id).where(Conversation.due_at <= now, Conversation.dead_reason.is_(None)).limit(1)
    )
    return await session.scalar(statement) is not None


async def claim(session: AsyncSession, now: datetime, limit: int) -> list[Claimed]:
    """Lease up to `limit` due conversations."""
    token, conversations = await leases.claim(session, Conversation, now=now, limit=limit, lease=LEASE)
    if not conversations:
        return []
    ids = [conversation.id for conversation in conversations]
    waiting: dict[UUID, list[InboundMessage]] = {one: [] for one in ids}
    rows = await session.execute(
        select(Contact, InboundMessage)
        .outerjoin(
            InboundMessage, and_(InboundMessage.contact_id == Contact.id, InboundMessage.status == "received")
        )
        .where(Contact.id.in_([one.contact_id for one in conversations]))
        .order_by(InboundMessage.seq)
    )
    contacts: dict[UUID, Contact] = {}
    for contact, message in rows:
        contacts[contact.id] = contact
        if message is not None:
            waiting[message.conversation_id].append(message)
    return [Claimed(token, one, contacts[one.contact_id], waiting[one.id]) for one in conversations]


async def finish(
    session: AsyncSession,
    claimed: Claimed,
    message: InboundMessage,
    now: datetime,
    *,
    last: bool,
    status: str = "handled",
    replies: int = 0,
) -> int:
    """Done with `message`, in the transaction of its effects. With `last` the conversation is given back.

    Returns the place (`seq`) before the first of `replies` messages that are about to be queued. Raises `LeaseLost`."""
    values: dict[str, object] = {"handled_seq": message.seq, "attempts": 0}
    if replies:
        values["outbound_seq"] = Conversation.outbound_seq + replies
    if last:
        values |= {
            "lease_token": None,
            "lease_until": None,
            "due_at": case((Conversation.inbound_seq > message.seq, now), else_=None),
        }
    outbound_seq = await _held(session, claimed, values)
    await session.execute(
        update(InboundMessage)
        .where(InboundMessage.id == message.id)
        .values(
            status=status,
            handled_at=now,
            attempts=message.attempts,
            screen=message.screen,
            intent=message.intent,
            confidence=message.confidence,
            resolved=message.resolved,
            dead_reason=message.dead_reason,
        )
        .execution_options(synchronize_session=False)
    )
    return outbound_seq - replies


async def give_back(
    session: AsyncSession, claimed: Claimed, due_at: datetime | None, message: InboundMessage | None = None
) -> None:
    """Release the conversation, to be looked at again at `due_at`; `message` keeps its count of attempts.

    With None there is nothing to do, unless a message arrived since the claim: then it stays due.
    """
    arrived = Conversation.inbound_seq > claimed.conversation.inbound_seq
    due = due_at if due_at is not None else case((arrived, Conversation.due_at), else_=None)
    await _held(session, claimed, {"lease_token": None, "lease_until": None, "due_at": due})
    if message is not None:
        await session.execute(
            update(InboundMessage)
            .where(InboundMessage.id == message.id)
            .values(attempts=message.attempts, screen=message.screen)
            .execution_options(synchronize_session=False)
        )


async def _held(session: AsyncSession, claimed: Claimed, values: dict[str, object]) -> int:
    """Change the conversation while it is ours; its `outbound_seq` afterwards. Raises `LeaseLost`."""
    changed = await session.execute(
        update(Conversation)
        .where(Conversation.id == claimed.conversation.id, Conversation.lease_token == claimed.token)
        .values(**values)
        .returning(Conversation.outbound_seq, Conversation.due_at, Conversation.lease_token)
        .execution_options(synchronize_session=False)
    )
    row = changed.first()
    if row is None:
        raise LeaseLost(str(claimed.conversation.id))
    claimed.more = row.due_at is not None and row.lease_token is None
    return int(row.outbound_seq)
