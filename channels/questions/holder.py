"""Who answers a phone number: 1 himself or herself, 2 family, 3 somebody who has nothing to do with it. A number is no person.

Until it is known, nothing personal is said there (`BanyiAction.needs_holder`, and the gate for what is pushed).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.reply import Option, Reply
from channels.wording.labels import label

Holder = Literal["self", "family", "wrong"]
HOLDERS: tuple[Holder, ...] = ("self", "family", "wrong")
INTENT = "_holder"
"""What the options mean, without the engine."""
INSTANCE = "holder.ask"
UNKNOWN = "unknown"


def is_unknown(channel: str, held_by: str) -> bool:
    """Whether nothing personal may be said there yet. A WeChat account is a person's own."""
    return channel == "sms" and held_by not in ("self", "family")


def question(go: dict[str, Any] | None = None) -> Reply:
    """`go` is what the engine is asked once it is known who answers: `text`, `plain` and `params` of the turn that waits."""
    options = tuple(
        Option(one, label(f"holder_{one}"), INTENT, {"holder": one, **({"go": go} if go else {})})
        for one in HOLDERS
    )
    return Reply(INSTANCE, options=options)


async def ask(session: AsyncSession, contact_ids: Sequence[UUID], now: datetime) -> None:
    """Put the question to phones that something personal waits for, once each. It opens when it is sent, like any push's."""
    rows = await session.scalars(
        select(Conversation)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(Contact.id.in_(contact_ids), Contact.channel == "sms", Contact.holder == UNKNOWN)
    )
    for conversation in list(rows):
        await outbox.enqueue(
            session,
            conversation,
            question(),
            dedup_key=f"holder:{conversation.contact_id}",
            purpose="reply",
            now=now,
            instance=INSTANCE,
            waits=True,
        )
