"""What staff write to a patient. WeChat takes it as it is; SMS says it inside an approved template, or asks for a call."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
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

    The first answer since a person was asked for tells what such a talk is not. `dedup_key` makes a repeated press of the button
    say it once. Raises `ValueError` for a text without words, `desk.NotInCharge` for a conversation somebody else has.
    """
    text = text.strip()
    if not text:
        raise ValueError("a reply needs words")
    key = dedup_key or f"{staff_id}:{new_id()}"
    if dedup_key is not None and await _said_before(session, f"staff:{key}"):
        return None
    first = await desk.touched(session, conversation.id, now=now, staff_id=staff_id)
    reply: Reply | None = Reply("desk.reply_first" if first else "desk.reply", {"text": text})
    if conversation.channel == ChannelName.SMS:
        reply = as_sms(text, first=first)
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
    return await outbox.enqueue(
        session,
        conversation,
        reply,
        dedup_key=f"staff:{key}",
        purpose="staff_reply",
        now=now,
        patient_id=patient_id,
    )


async def _said_before(session: AsyncSession, dedup_key: str) -> bool:
    said = select(OutboundMessage.id).where(OutboundMessage.dedup_key == dedup_key)
    return await session.scalar(said) is not None


def as_sms(text: str, *, first: bool = False) -> Reply | None:
    """`text` in one variable or two, cut between sentences or at a pause; None when it does not fit so."""
    words = " ".join(text.split())
    if len(words) <= VARIABLE_CHARS:
        return Reply("desk.reply_first" if first else "desk.reply", {"text": words.rstrip(_ENDS)})
    long = "desk.reply_first_long" if first else "desk.reply_long"
    for marks in (_ENDS, _PAUSES):
        for cut in range(min(len(words) - 1, VARIABLE_CHARS + 1), 0, -1):
            begin, rest = words[:cut], words[cut:]
            if begin[-1] not in marks:
                continue
            begin, rest = begin.rstrip(_ENDS + _PAUSES), rest.strip().rstrip(_ENDS)
            if begin and rest and len(begin) <= VARIABLE_CHARS and len(rest) <= VARIABLE_CHARS:
                return Reply(long, {"text": words, "first": begin, "rest": rest})
    return None
