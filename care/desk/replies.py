"""What staff write to a patient. WeChat takes it as it is; SMS says it inside an approved template, or asks for a call."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.models import TaskKind
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from channels.reply import Reply
from channels.sms.template import VARIABLE_CHARS
from channels.wording.catalogue import CALL_US
from store.ids import new_id

_ENDS, _PAUSES = "。！？!?；;", "，,、 "


async def staff_reply(
    session: AsyncSession,
    conversation: Conversation,
    text: str,
    staff_id: UUID,
    now: datetime,
    *,
    patient_id: UUID | None = None,
    call_by: datetime | None = None,
    dedup_key: str | None = None,
) -> OutboundMessage | None:
    """Queue it, and keep the take-over alive. What does not fit an SMS goes as "请致电", with a call task due `call_by`.

    `dedup_key` makes a repeated press of the button say it once. Raises `ValueError` for a text without words.
    """
    text = text.strip()
    if not text:
        raise ValueError("a reply needs words")
    key = dedup_key or f"{staff_id}:{new_id()}"
    reply: Reply | None = Reply("desk.reply", {"text": text})
    if conversation.channel == ChannelName.SMS:
        reply = as_sms(text)
    if reply is None:
        await desk.open_task(
            session,
            TaskKind.CALL,
            dedup_key=f"staff:{key}"[:160],
            now=now,
            due_at=call_by or now,
            note=text,
            conversation_id=conversation.id,
            contact_id=conversation.contact_id,
            patient_id=patient_id,
        )
        reply = Reply(CALL_US)
    await desk.touched(session, conversation.id, now=now)
    return await outbox.enqueue(
        session,
        conversation,
        reply,
        dedup_key=f"staff:{key}",
        purpose="staff_reply",
        now=now,
        patient_id=patient_id,
    )


def as_sms(text: str) -> Reply | None:
    """`text` in one variable or two, cut between sentences or at a pause; None when it does not fit so."""
    words = " ".join(text.split())
    if len(words) <= VARIABLE_CHARS:
        return Reply("desk.reply", {"text": words.rstrip(_ENDS)})
    for marks in (_ENDS, _PAUSES):
        for cut in range(min(len(words) - 1, VARIABLE_CHARS + 1), 0, -1):
            first, rest = words[:cut], words[cut:]
            if first[-1] not in marks:
                continue
            first, rest = first.rstrip(_ENDS + _PAUSES), rest.strip().rstrip(_ENDS)
            if first and rest and len(first) <= VARIABLE_CHARS and len(rest) <= VARIABLE_CHARS:
                return Reply("desk.reply_long", {"text": words, "first": first, "rest": rest})
    return None
