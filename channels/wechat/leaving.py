"""An openid unfollows: WeChat asks that what we hold of the user be deleted ("开发者收到用户取消关注事件时需要删除该用户的所有信息",
https://developers.weixin.qq.com/doc/service/Account_Management/Wechat_Accreditation_Event_Push.html).

Gone are the quota, the consents to notices, what WeChat told besides the words (envelopes, places, media) and what the engine
remembers. The words themselves stay: they are part of the medical record, which is kept under its own law; the link to the
patient is ended by the house (`bot.ports.People.unfollowed`).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation, SendingWindow
from channels.inbox.models import InboundMessage
from channels.media import service as media
from channels.outbox.models import OutboundMessage
from channels.wechat import grants


async def forget(session: AsyncSession, contact_id: UUID, conversation_id: UUID, now: datetime) -> None:
    """Cancel what was to be sent and delete WeChat's data of one openid, in the caller's transaction.

    Media files and their rows are deleted by the media worker at its next look."""
    quiet = {"synchronize_session": False}
    await session.execute(
        update(OutboundMessage)
        .where(OutboundMessage.conversation_id == conversation_id, OutboundMessage.status == "queued")
        .values(status="suppressed", reason="unfollowed", finished_at=now, due_at=None)
        .execution_options(**quiet)
    )
    await session.execute(delete(SendingWindow).where(SendingWindow.contact_id == contact_id))
    await grants.forget(session, contact_id)
    await session.execute(
        update(InboundMessage)
        .where(InboundMessage.contact_id == contact_id)
        .values(raw_sealed=None)
        .execution_options(**quiet)
    )
    await media.forget(session, contact_id, now)
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(engine_id=uuid.uuid4())
        .execution_options(**quiet)
    )
