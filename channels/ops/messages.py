"""Finding messages, and one message's whole life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.contacts.service import address_hash
from channels.inbox.models import InboundMessage
from channels.ops.ports import AccountFacts
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.ports import ChannelName
from channels.sms.numbers import to_e164
from store import audit

PAGE = 40
TROUBLE_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for; empty: anything. `status` may also be `held`: queued, and the gate or a vendor said later."""

    status: str = ""
    channel: str = ""
    account: str = ""
    purpose: str = ""
    reason: str = ""
    campaign: str = ""
    contact: str = ""

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a list, with the contact it goes to."""

    message: OutboundMessage
    contact: Contact

    @property
    def key(self) -> str:
        return str((self.message.reply or {}).get("key", ""))


async def find(session: AsyncSession, filters: Filters, before: UUID | None = None) -> list[Line]:
    """The newest first, up to `PAGE` and one more (there is a next page); `before` goes on after that message."""
    wanted = []
    if filters.status == "held":
        wanted += [OutboundMessage.status == "queued", OutboundMessage.reason.is_not(None)]
    elif filters.status:
        wanted.append(OutboundMessage.status == filters.status)
    for column, value in (
        (OutboundMessage.channel, filters.channel),
        (OutboundMessage.account_id, filters.account),
        (OutboundMessage.purpose, filters.purpose),
        (OutboundMessage.reason, filters.reason),
        (OutboundMessage.campaign, filters.campaign),
    ):
        if value:
            wanted.append(column == value)
    if filters.contact:
        conversations = select(Conversation.id).where(Conversation.contact_id == as_id(filters.contact))
        wanted.append(OutboundMessage.conversation_id.in_(conversations))
    if before is not None and (mark := await session.get(OutboundMessage, before)) is not None:
        wanted.append(
            or_(
                OutboundMessage.created_at < mark.created_at,
                and_(OutboundMessage.created_at == mark.created_at, OutboundMessage.id < mark.id),
            )
        )
    rows = await session.execute(
        select(OutboundMessage, Contact)
        .join(Contact, Contact.id == OutboundMessage.contact_id)
        .where(*wanted)
        .order_by(OutboundMessage.created_at.desc(), OutboundMessage.id.desc())
        .limit(PAGE + 1)
    )
    return [Line(*row) for row in rows]


async def troubles(session: AsyncSession) -> list[Line]:
    """What a person must look at: unclear outcomes, then messages that failed for good, the newest first."""
    found: list[Line] = []
    for status in ("uncertain", "failed"):
        rows = await session.execute(
            select(OutboundMessage, Contact)
            .join(Contact, Contact.id == OutboundMessage.contact_id)
            .where(OutboundMessage.status == status)
            .order_by(OutboundMessage.created_at.desc())
            .limit(TROUBLE_SHOWN)
        )
        found += [Line(*row) for row in rows]
    return found[:TROUBLE_SHOWN]


def whom(message: OutboundMessage) -> str:
    """Whom reading the message is about, for the audit trail."""
    if message.patient_id is not None:
        return audit.subject_of("patient", message.patient_id)
    return audit.subject_of("contact", message.contact_id)


def as_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: one message, or everything said to one contact, or neither."""

    message: UUID | None = None
    contact: UUID | None = None


async def search(session: AsyncSession, text: str, accounts: Sequence[AccountFacts]) -> Found:
    """By message id (which is also our reference at the vendors), the message it answers, a vendor's id, an openid, a phone."""
    text = text.strip()
    if (one := as_id(text)) is not None:
        by_id = select(OutboundMessage.id).where(
            or_(OutboundMessage.id == one, OutboundMessage.inbound_id == one)
        )
        return Found(message=await session.scalar(by_id.order_by(OutboundMessage.seq).limit(1)))
    by_vendor = select(DeliveryAttempt.outbound_id).where(DeliveryAttempt.vendor_id == text).limit(1)
    if text and (message := await session.scalar(by_vendor)) is not None:
        return Found(message=message)
    phone = to_e164(text)
    hashes = {
        address_hash(one.channel, one.account_id, address)
        for one in accounts
        if (address := phone if one.channel == ChannelName.SMS else text)
    }
    by_address = select(Contact.id).where(Contact.address_hash.in_(hashes)).limit(1)
    return Found(contact=await session.scalar(by_address))


@dataclass(frozen=True, slots=True)
class Step:
    """A rung of the plan. `state`: done (a vendor took it), refused, unclear, now (in flight), open, skipped."""

    rung: str
    state: str


@dataclass(frozen=True, slots=True)
class Life:
    """One message from the moment it was written to what became of it."""

    message: OutboundMessage
    contact: Contact
    inbound: InboundMessage | None
    attempts: Sequence[DeliveryAttempt]
    continues: OutboundMessage | None
    continued_by: OutboundMessage | None

    @property
    def key(self) -> str:
        return str((self.message.reply or {}).get("key", ""))

    @property
    def steps(self) -> list[Step]:
        """The plan, each rung with what is known of it; rungs that were tried without being planned come first."""
        tried: dict[str, str] = {}
        for one in self.attempts:
            if not one.rung:
                continue  # the gate held it before there was a way to send it
            tried[one.rung] = _STATES.get(one.verdict, "open")
        planned = [
            *[rung for rung in tried if rung not in (self.message.plan or ())],
            *(self.message.plan or ()),
        ]
        ended = self.message.status not in ("queued", "sending")
        return [Step(rung, tried.get(rung, "skipped" if ended else "open")) for rung in planned]


_STATES = {
    "accepted": "done",
    "refused": "refused",
    "uncertain": "unclear",
    "started": "now",
    "passed_on": "done",
    "held": "open",
    "suppressed": "skipped",
    "retry": "open",
}


async def life(session: AsyncSession, message_id: UUID) -> Life | None:
    """Everything kept about one message; None when there is no such message."""
    row = (
        await session.execute(
            select(OutboundMessage, Contact)
            .join(Contact, Contact.id == OutboundMessage.contact_id)
            .where(OutboundMessage.id == message_id)
        )
    ).first()
    if row is None:
        return None
    message: OutboundMessage = row[0]
    attempts = await session.scalars(
        select(DeliveryAttempt)
        .where(DeliveryAttempt.outbound_id == message_id)
        .order_by(DeliveryAttempt.n, DeliveryAttempt.started_at)
    )
    return Life(
        message=message,
        contact=row[1],
        inbound=await session.get(InboundMessage, message.inbound_id) if message.inbound_id else None,
        attempts=list(attempts),
        continues=await session.get(OutboundMessage, message.continues) if message.continues else None,
        continued_by=await session.scalar(
            select(OutboundMessage).where(OutboundMessage.continues == message_id).limit(1)
        ),
    )


def latest_end(one: Life) -> datetime | None:
    """When the last thing about it became known."""
    moments = [at for attempt in one.attempts for at in (attempt.receipt_at, attempt.finished_at) if at]
    return max(moments, default=one.message.finished_at)
