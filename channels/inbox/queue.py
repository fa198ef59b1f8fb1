"""Conversations as leased rows: one worker at a time holds a conversation and handles its messages in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from store import leases
from store.clock import real_now

LEASE = timedelta(seconds=45)


class LeaseLost(RuntimeError):
    """Another worker took the conversation over; nothing of this turn may be applied."""


@dataclass(slots=True)
class Claimed:
    """A conversation in our hands, its contact and the messages that wait, oldest first.

    `seen` is how many had been stored at the claim, `more` is known once it is given back: whether one arrived meanwhile.
    `behind` are the messages after the one in hand; `hurry` says that if it must wait, they must not.
    """

    token: UUID
    conversation: Conversation
    contact: Contact
    messages: list[InboundMessage]
    more: bool = False
    behind: list[InboundMessage] = field(default_factory=list)
    hurry: bool = False
    seen: int = field(init=False)

    def __post_init__(self) -> None:
        self.seen = (
            self.conversation.inbound_seq
        )  # a number: on SQLite others may count on in the same row object


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
    """Done with `message`, in the transaction of its effects. With `last` the conversation is given back, else the
    lease starts anew.

    Returns the place (`seq`) before the first of `replies` messages that are about to be queued. Raises `LeaseLost`."""
    values: dict[str, object] = {
        "handled_seq": case(
            (Conversation.handled_seq > message.seq, Conversation.handled_seq), else_=message.seq
        ),
        "attempts": 0,
        "lease_until": real_now() + LEASE,
    }
    if replies:
        values["outbound_seq"] = Conversation.outbound_seq + replies
    if last:
        values |= {
            "lease_token": None,
            "lease_until": None,
            "due_at": case((Conversation.inbound_seq > claimed.seen, now), else_=None),
        }
    outbound_seq = await _held(session, claimed, values)
    await session.execute(
        _RECORD,
        {
            "message": message.id,
            "ended": status,
            "at": now,
            "tries": message.attempts,
            "screened": message.screen,
            "understood": message.intent,
            "sure": message.confidence,
            "matched": message.resolved,
            "reason": message.dead_reason,
        },
    )
    return outbound_seq - replies


async def give_back(
    session: AsyncSession, claimed: Claimed, due_at: datetime | None, message: InboundMessage | None = None
) -> None:
    """Release the conversation, to be looked at again at `due_at`; `message` keeps its count of attempts.

    None: there is nothing to do. What is urgent, or arrived since the claim and may be, does not wait for `due_at`.
    """
    if claimed.hurry:
        due_at = claimed.conversation.due_at
    due = case((Conversation.inbound_seq > claimed.seen, Conversation.due_at), else_=due_at)
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
        update(_CONVERSATION)
        .where(_CONVERSATION.c.id == claimed.conversation.id, _CONVERSATION.c.lease_token == claimed.token)
        .values(**values)
        .returning(_CONVERSATION.c.outbound_seq, _CONVERSATION.c.due_at, _CONVERSATION.c.lease_token)
    )
    row = changed.first()
    if row is None:
        raise LeaseLost(str(claimed.conversation.id))
    claimed.more = row.due_at is not None and row.lease_token is None
    return int(row.outbound_seq)


# Plain tables: the ORM's own update does more work than the statement. What never varies is built once.
_CONVERSATION: Any = Conversation.__table__
_MESSAGE: Any = InboundMessage.__table__
_RECORD = (
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("message"))
    .values(
        status=bindparam("ended"),
        handled_at=bindparam("at"),
        attempts=bindparam("tries"),
        screen=bindparam("screened"),
        intent=bindparam("understood"),
        confidence=bindparam("sure"),
        resolved=bindparam("matched"),
        dead_reason=bindparam("reason"),
    )
)
