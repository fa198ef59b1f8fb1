"""What the operators' pages are told by the rooms above and by the vendors' adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """One configured vendor account, as this process knows it.

    `sign` is an SMS account's signature, `free_text` whether it needs no approved templates. `token_age` is in seconds since
    the access token was fetched; None where there is no token, or none was asked for yet. `problem` is the vendor's code while
    it refuses the account's token, since `problem_since`. `daily`: messages a day the vendor allows, by rung, as configured.
    """

    channel: str
    account_id: str
    sign: str = ""
    free_text: bool = False
    has_token: bool = False
    token_age: float | None = None
    problem: str = ""
    problem_since: datetime | None = None
    daily: Mapping[str, int] = field(default_factory=dict)


AccountWatch = Callable[[], Sequence[AccountFacts]]
"""The configured accounts, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """A WeChat notice. `ids` are the accounts' own template ids by account, `fields` WeChat's fields with their labels,
    `replies` the wordings it may tell. `kind`: long, once, template."""

    name: str
    kind: str
    title: str
    fields: Mapping[str, str]
    ids: Mapping[str, str]
    replies: Sequence[str]


Explain = Callable[[str], str]
"""A gate's reason in Chinese; the code itself where nobody has words for it."""


class MayRead(Protocol):
    """Whether the member of staff may see a message's words; what is known of its patients says so, and keeps that they were
    read or asked for. In the caller's transaction."""

    async def __call__(
        self, session: AsyncSession, message: OutboundMessage, staff_id: UUID, now: datetime
    ) -> bool: ...


class Settled(Protocol):
    """Told, in the same transaction, that a person has dealt with a message (its desk tasks can be closed).

    `how`: again, phoned, dropped.
    """

    async def __call__(
        self, session: AsyncSession, message: OutboundMessage, how: str, staff_id: UUID, now: datetime
    ) -> None: ...
