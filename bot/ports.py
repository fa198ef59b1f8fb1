"""What the conversation needs of the house, as it needs it; `server/` wires the rooms behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions.asides import Aside
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.questions.holder import Holder
from channels.reply import Reply


@dataclass(frozen=True, slots=True)
class InCharge:
    """A person has the conversation (`taken`), or it waits for one (`waiting`: the bot still answers)."""

    state: Literal["waiting", "taken"]
    staff_id: str | None = None


class Console(Protocol):
    """What staff wrote for an account: in force as published, empty where they wrote nothing."""

    def welcome(self, account_id: str) -> str | None: ...

    def keyword_reply(self, account_id: str, text: str) -> str | None: ...


class People(Protocol):
    """The people behind the bot: alerts, the desk, hand-off, opt-outs. Everything inside the caller's transaction."""

    async def in_charge(
        self, session: AsyncSession, conversation_ids: Sequence[UUID]
    ) -> dict[UUID, InCharge]: ...

    async def on_duty(self, session: AsyncSession, now: datetime) -> bool: ...

    async def alert(
        self,
        session: AsyncSession,
        *,
        kind: Literal["emergency", "crisis"],
        contact: Contact,
        conversation: Conversation,
        inbound: InboundMessage,
        now: datetime,
    ) -> UUID: ...

    async def false_alarm(self, session: AsyncSession, alert_id: UUID, now: datetime) -> None: ...

    async def to_desk(
        self,
        session: AsyncSession,
        *,
        kind: str,
        dedup_key: str,
        conversation: Conversation,
        contact: Contact,
        note: str,
        now: datetime,
    ) -> None: ...

    async def call_a_person(
        self,
        session: AsyncSession,
        *,
        conversation: Conversation,
        contact: Contact,
        inbound_id: UUID,
        now: datetime,
    ) -> Reply: ...

    async def opt(
        self,
        session: AsyncSession,
        contact: Contact,
        word: Literal["content", "all", "resume"],
        now: datetime,
    ) -> None: ...

    async def coming(self, session: AsyncSession, contact_id: UUID, now: datetime) -> UUID | None:
        """The next appointment of those the contact speaks for."""
        ...

    async def confirmed(
        self, session: AsyncSession, contact: Contact, appointment_id: UUID, now: datetime
    ) -> Reply:
        """The patient will come to it: kept, and what to say."""
        ...

    async def aside(
        self, session: AsyncSession, claimed: Claimed, inbound_id: UUID, aside: Aside, now: datetime
    ) -> list[Reply]:
        """A small request that needs no engine, carried out; what to say."""
        ...

    async def holder(self, session: AsyncSession, contact: Contact, said: Holder, now: datetime) -> bool:
        """Who answers this phone. Whether something that waited for it goes out now."""
        ...

    async def unfollowed(self, session: AsyncSession, contact: Contact, now: datetime) -> None:
        """An openid left the account: end its links to patients, on the record. The medical record itself stays."""
        ...
