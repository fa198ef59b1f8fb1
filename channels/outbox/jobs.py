"""What the steps of a delivery hand to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung
from channels.ports import ChannelName, Rendered, SendResult
from store import sets

LEASE = timedelta(seconds=60)
"""How long a claimed message is ours: much longer than any vendor may take."""

SenderKey = tuple[str, str]
"""Channel and account id."""


@dataclass(slots=True)
class History:
    """What was tried before: `refused` are the rungs that did not reach the person, `retries` how often each was put off by
    the vendor, `next_n` the number of the next attempt, `held` the newest attempt when it was a refusal of the gate's. Once a
    person had it sent again, what was tried before that counts no more: every rung is open to it."""

    next_n: int = 1
    refused: frozenset[str] = frozenset()
    retries: Mapping[str, int] = field(default_factory=dict)
    held: tuple[UUID, str] | None = None

    def add(self, attempt_id: UUID, rung: str, verdict: str, gate: str | None, receipt: str | None) -> None:
        if verdict == "refused" or receipt == "failed":
            self.refused |= {rung}
        elif verdict == "retry":
            self.retries = {**self.retries, rung: self.retries.get(rung, 0) + 1}
        self.held = (attempt_id, gate or "") if verdict == "held" else None


@dataclass(slots=True)
class Job:
    """A message that is about to leave, all decided: its attempt is written as `started`."""

    message: OutboundMessage
    contact: Contact
    attempt_id: UUID
    rendered: Rendered
    token: UUID
    rung: str
    plan: tuple[str, ...] = ()
    history: History = field(default_factory=History)
    parts: int = 1
    """How many of the vendor's messages it takes (a long text takes several)."""
    result: SendResult | None = None
    bulk: bool = field(init=False)

    def __post_init__(self) -> None:
        self.bulk = self.message.priority > 0


def own_rung(contact: Contact) -> Rung:
    """The channel's own way to say something."""
    return Rung.CUSTOM if contact.channel == ChannelName.WECHAT else Rung.SMS


_ATTEMPT: Any = DeliveryAttempt.__table__
_COLUMNS = (_ATTEMPT.c.outbound_id, _ATTEMPT.c.n, _ATTEMPT.c.id, _ATTEMPT.c.rung, _ATTEMPT.c.verdict)
_BEFORE = (
    select(*_COLUMNS, _ATTEMPT.c.gate, _ATTEMPT.c.receipt)
    .where(sets.among(_ATTEMPT.c.outbound_id, "ids"))
    .order_by(_ATTEMPT.c.n)
)


async def histories(session: AsyncSession, messages: Sequence[OutboundMessage]) -> dict[UUID, History]:
    """Of the messages that were decided about before; of the others there is nothing to tell."""
    found: dict[UUID, History] = {}
    since = {message.id: message.first_n for message in messages}
    for outbound_id, n, *attempt in await session.execute(_BEFORE, {"ids": list(since)}):
        history = found.setdefault(outbound_id, History())
        history.next_n = n + 1
        if n >= since[outbound_id]:
            history.add(*attempt)
    return found
