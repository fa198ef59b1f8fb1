"""What the delivery worker needs to know from rooms above: may this leave now, and who takes what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.reply import Reply


class Rung(StrEnum):
    """The ways to reach a person, cheapest and most expected first. `PASSIVE` is the callback's own answer."""

    PASSIVE = "passive"
    CUSTOM = "custom"
    SUBSCRIPTION_LONG = "subscription_long"
    SUBSCRIPTION_ONCE = "subscription_once"
    TEMPLATE = "template"
    SMS = "sms"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message about to leave, its contact, and the rungs that were tried for it and refused."""

    message: OutboundMessage
    contact: Contact
    tried: frozenset[str] = frozenset()
    weight: int = 1
    """How many of the vendor's messages it takes on the contact's own rung (a long text takes several)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one message now. `reason` is a short code and is always kept.

    `send`: go out on `rung` (empty: the channel's own). Not `send`: with `until` ask again then; with `pass_to` carry on at that
    contact (the person's phone); with `call` nothing reaches the person and somebody rings up; otherwise it is suppressed.
    `plan` are all rungs that looked possible, in order. `notice` is the WeChat notice to use on the notice rungs: template id
    and fields.
    """

    send: bool
    reason: str = ""
    until: datetime | None = None
    rung: str = ""
    plan: tuple[str, ...] = ()
    pass_to: UUID | None = None
    call: bool = False
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A template message or subscription notice: the vendor's template id, its fields (name to value), the page it opens."""

    template_id: str
    fields: Mapping[str, str]
    url: str = ""


class Notices(Protocol):
    """Which WeChat notices could tell a reply (`channels.wechat.notices.NoticeBook`)."""

    def offers(self, account_id: str, reply: Reply, purpose: str) -> Mapping[Rung, Notice]:
        """Filled in and within the vendor's limits, in the ladder's order; empty where the reply has none. Consent to a
        template is another question: `channels.wechat.grants.usable`."""
        ...


class SendPolicy(Protocol):
    """The gate, asked for a whole batch at the moment of sending; one verdict each, in the same order."""

    async def check(
        self, session: AsyncSession, batch: Sequence[Candidate], now: datetime
    ) -> list[Verdict]: ...


class TroubleDesk(Protocol):
    """Where a message goes that a person must look at; called inside the transaction that records the outcome."""

    async def uncertain(
        self, session: AsyncSession, message: OutboundMessage, detail: str, now: datetime
    ) -> None: ...

    async def cleared(self, session: AsyncSession, message_id: UUID, now: datetime) -> None:
        """What was uncertain is known by now: nobody need look any more."""
        ...

    async def undeliverable(
        self, session: AsyncSession, message: OutboundMessage, reason: str, now: datetime
    ) -> None: ...

    async def stopped(
        self, session: AsyncSession, hold_id: UUID, account: str, reason: str, now: datetime
    ) -> None:
        """A vendor's answer stopped an account (`channel/account`): nothing of it leaves until the hold is lifted."""
        ...
