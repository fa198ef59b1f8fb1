"""Saying something: a row with a unique key, in the transaction of the fact it tells."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from channels.questions import service as questions
from channels.reply import Reply
from store.database import insert_new

URGENT_PRIORITY = -1
"""The answer to an emergency: it does not wait for what else is to be said, not even for what is being tried again."""
CONVERSATION_PRIORITY = 0
NOTICE_PRIORITY = 3
BULK_PRIORITY = 9

_COLUMNS = (
    "id", "dedup_key", "conversation_id", "contact_id", "channel", "account_id", "patient_id", "inbound_id", "question_id",
    "seq", "purpose", "priority", "campaign", "expires_at", "continues", "content_ref",
    "content_revision", "reply_sealed", "status", "created_at", "due_at", "attempts",
)  # fmt: skip


async def enqueue(
    session: AsyncSession,
    conversation: Conversation,
    reply: Reply,
    *,
    dedup_key: str,
    purpose: str,
    now: datetime,
    due_at: datetime | None = None,
    priority: int = CONVERSATION_PRIORITY,
    patient_id: UUID | None = None,
    inbound_id: UUID | None = None,
    instance: str | None = None,
    resumes: UUID | None = None,
    content_ref: str | None = None,
    content_revision: int | None = None,
    campaign: str | None = None,
    expires_at: datetime | None = None,
    continues: UUID | None = None,
    seq: int | None = None,
    waits: bool | None = None,
) -> OutboundMessage | None:
    """Queue `reply` to the conversation's contact. None when `dedup_key` was said before: nothing is said twice.

    What asks opens a question under `instance` (default: the reply's own, or its key): a reply's at once,
    a push's when it is sent (`questions.on_sending`; `waits` says otherwise). `seq` is its place among what is said there,
    where the caller has already counted it. After `expires_at` it is suppressed instead of sent.
    """
    question_id: UUID | None = None
    if reply.asks:
        said = select(OutboundMessage.id).where(OutboundMessage.dedup_key == dedup_key)
        if await session.scalar(said) is not None:
            return None
        question = await questions.open_question(
            session,
            conversation_id=conversation.id,
            instance=instance or reply.instance or reply.key,
            reply=reply,
            now=now,
            patient_id=patient_id,
            resumes=resumes,
            waiting=purpose != "reply" if waits is None else waits,
        )
        await session.flush()
        question_id = question.id
    if seq is None:
        seq = await session.scalar(
            update(Conversation)
            .where(Conversation.id == conversation.id)
            .values(outbound_seq=Conversation.outbound_seq + 1)
            .returning(Conversation.outbound_seq)
            .execution_options(synchronize_session=False)
        )
    message = OutboundMessage(
        dedup_key=dedup_key,
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        channel=conversation.channel,
        account_id=conversation.account_id,
        patient_id=patient_id,
        inbound_id=inbound_id,
        question_id=question_id,
        seq=seq,
        purpose=purpose,
        priority=priority,
        campaign=campaign,
        expires_at=expires_at,
        continues=continues,
        content_ref=content_ref,
        content_revision=content_revision,
        reply=reply.to_json(),
        status="queued",
        created_at=now,
        due_at=due_at or now,
        attempts=0,
    )
    if not await insert_new(session, OutboundMessage, {name: getattr(message, name) for name in _COLUMNS}):
        return None
    return message
