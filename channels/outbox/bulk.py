"""Saying much at once: the same as `service.enqueue`, for many conversations in a handful of statements. Nothing here commits.

Without options: a question is opened one conversation at a time.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.outbox.models import OutboundMessage
from channels.outbox.service import BULK_PRIORITY
from channels.reply import Reply
from store import sets
from store.database import insert_many
from store.ids import new_id


@dataclass(frozen=True, slots=True)
class Push:
    """One message to one contact; the fields are those of `OutboundMessage`."""

    contact_id: UUID
    patient_id: UUID
    dedup_key: str
    reply: Reply
    content_ref: str | None = None
    content_revision: int | None = None


_TALKS = select(Conversation.contact_id, Conversation.id).where(
    sets.among(Conversation.contact_id, "contacts")
)
_CONTACTS = select(Contact.id, Contact.channel, Contact.account_id).where(sets.among(Contact.id, "contacts"))
_LOCK = (
    select(Conversation.id)
    .where(sets.among(Conversation.id, "talks"))
    .order_by(Conversation.id)
    .with_for_update()
)
_NEXT = (
    update(Conversation)
    .where(sets.among(Conversation.id, "talks"))
    .values(outbound_seq=Conversation.outbound_seq + 1)
    .returning(Conversation.id, Conversation.outbound_seq)
    .execution_options(synchronize_session=False)
)


async def enqueue_all(
    session: AsyncSession,
    pushes: Sequence[Push],
    *,
    purpose: str,
    campaign: str,
    now: datetime,
    expires_at: datetime | None,
    priority: int = BULK_PRIORITY,
) -> None:
    """Queue `pushes`, at most one a contact; what was said before under the same key is not said again. Raises `ValueError` for two
    to one contact: which of them comes first could not be said."""
    contacts = [one.contact_id for one in pushes]
    if len(set(contacts)) < len(contacts):
        raise ValueError("two messages to one contact in a batch")
    if not pushes:
        return
    whose = {row.id: row for row in await session.execute(_CONTACTS, {"contacts": contacts})}
    talks = await _conversations(session, whose, contacts)
    ids = {"talks": list(talks.values())}
    if session.get_bind().dialect.name != "sqlite":
        await session.execute(_LOCK, ids)  # in one order everywhere: nobody waits in a ring
    places = {row.id: row.outbound_seq for row in await session.execute(_NEXT, ids)}

    def rows() -> list[dict[str, Any]]:
        common = {
            "purpose": purpose,
            "priority": priority,
            "campaign": campaign,
            "expires_at": expires_at,
        }
        return [
            _row(one, whose[one.contact_id], talks[one.contact_id], places, now, common) for one in pushes
        ]

    made = await asyncio.to_thread(
        rows
    )  # sealing a few hundred texts is more than the event loop should wait for
    await insert_many(session, OutboundMessage, made)


def _row(
    one: Push, contact: Any, talk: UUID, places: Mapping[UUID, int], now: datetime, common: Mapping[str, Any]
) -> dict[str, Any]:
    message = OutboundMessage(id=new_id(), reply=one.reply.to_json())
    return {
        "id": message.id,
        "dedup_key": one.dedup_key,
        "conversation_id": talk,
        "contact_id": one.contact_id,
        "channel": contact.channel,
        "account_id": contact.account_id,
        "lane": "|".join((contact.channel, contact.account_id, common["purpose"], common["campaign"])),
        "patient_id": one.patient_id,
        "seq": places[talk],
        "content_ref": one.content_ref,
        "content_revision": one.content_revision,
        "reply_sealed": message.reply_sealed,
        "first_n": 1,
        "status": "queued",
        "created_at": now,
        "due_at": now,
        "attempts": 0,
        **common,
    }


async def _conversations(
    session: AsyncSession, whose: Mapping[UUID, Any], contacts: Sequence[UUID]
) -> dict[UUID, UUID]:
    """By contact; made where nothing was ever said."""
    found = {row[0]: row[1] for row in await session.execute(_TALKS, {"contacts": list(contacts)})}
    missing = [
        {
            "id": new_id(),
            "contact_id": one,
            "channel": whose[one].channel,
            "account_id": whose[one].account_id,
            "engine_id": uuid.uuid4(),
            "inbound_seq": 0,
            "handled_seq": 0,
            "outbound_seq": 0,
            "attempts": 0,
        }
        for one in contacts
        if one not in found
    ]
    if missing:
        await insert_many(session, Conversation, missing)
        found = {row[0]: row[1] for row in await session.execute(_TALKS, {"contacts": list(contacts)})}
    return found
