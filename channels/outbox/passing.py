"""The rung that leads out of a conversation: what WeChat cannot carry goes on as an SMS, in the phone's own conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from channels.reply import Reply, discreet


async def on_to(session: AsyncSession, message: OutboundMessage, contact_id: UUID, now: datetime) -> bool:
    """Queue what `message` says at `contact_id`, once however often it is asked. False when nothing can be said there.

    A question is asked anew there, under the instance it had: an answer from the phone means the same.
    """
    there = await session.scalar(select(Conversation).where(Conversation.contact_id == contact_id))
    if there is None or there.id == message.conversation_id:
        return False
    asked = await session.get(OpenQuestion, message.question_id) if message.question_id else None
    said = Reply.from_json(message.reply)
    await outbox.enqueue(
        session,
        there,
        replace(said, params=discreet(said.params)),
        dedup_key=f"ladder:{message.id}",
        purpose=message.purpose,
        now=now,
        priority=message.priority,
        patient_id=message.patient_id,
        inbound_id=message.inbound_id,
        instance=asked.instance if asked is not None else None,
        content_ref=message.content_ref,
        content_revision=message.content_revision,
        campaign=message.campaign,
        expires_at=message.expires_at,
        continues=message.id,
    )
    return True
