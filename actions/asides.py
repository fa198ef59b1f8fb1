"""Small requests that are plain without the engine: reminders, follow-up plans, the answer to a message about an overdue visit.

`bot/asides.py` reads them; here they are carried out, in the conversation's own transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions.services import Services
from channels.contacts.models import Contact, Conversation
from channels.reply import Reply

INTENT = "_aside"
"""What an option means that leads here, without the engine. Its params name the `aside`."""


@dataclass(frozen=True, slots=True)
class Aside:
    """`kind` names who carries it out."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """Who says it, where; `inbound_id` makes what is written for it happen once."""

    services: Services
    contact: Contact
    conversation: Conversation
    inbound_id: UUID
    now: datetime


Answer = Callable[[AsyncSession, Heard, Mapping[str, Any]], Awaitable[list[Reply]]]


async def answer(session: AsyncSession, heard: Heard, aside: Aside) -> list[Reply]:
    """What to say. One that nobody knows (an option of an older version) is an old choice."""
    from actions.followup import inviting
    from actions.plans import asking
    from actions.reminders import answers

    known: Mapping[str, Answer] = {
        **answers.ANSWERS,
        **asking.ANSWERS,
        inviting.ELSEWHERE: inviting.elsewhere,
    }
    carry_out = known.get(aside.kind)
    return (
        [Reply("smalltalk.stale_choice")]
        if carry_out is None
        else await carry_out(session, heard, aside.params)
    )
