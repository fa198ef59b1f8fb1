"""What the desk lets the patient know beside the staff's own words: who answers now."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Reply
from store.ids import new_id

WORTH = timedelta(hours=1)
"""After so long it says nothing new; ours."""


async def tell(session: AsyncSession, talk: Conversation, reply: Reply, now: datetime) -> bool:
    """Queue it where it can arrive as a message of its own; whether it was. Nobody is rung up for it, no SMS takes its place."""
    contact = await session.get(Contact, talk.contact_id)
    if contact is None or contact.status != "active":
        return False
    if talk.channel == ChannelName.WECHAT and not await _open(session, talk, now):
        return False
    await outbox.enqueue(
        session,
        talk,
        reply,
        dedup_key=f"desk:{new_id()}",
        purpose="staff_reply",
        now=now,
        expires_at=now + WORTH,
    )
    return True


async def _open(session: AsyncSession, talk: Conversation, now: datetime) -> bool:
    """WeChat's window: no entry means that nobody knows (`care.gate.ways`)."""
    window = await session.get(SendingWindow, talk.contact_id, populate_existing=True)
    if window is None:
        return True
    return window.remaining > 0 and window.expires_at is not None and window.expires_at > now
