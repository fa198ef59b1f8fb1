"""Messages in a line: what a patient did, and a conversation to say something in."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import select

from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName, Inbound
from channels.reply import Option, Reply
from store.clock import Clock
from store.database import Database

WECHAT, SMS = ChannelName.WECHAT, ChannelName.SMS
OPENID, PHONE = "oTest_0000000000000001", "+8619900000001"
ACCOUNTS = {WECHAT: "hospital", SMS: "aliyun"}
_numbers = itertools.count(1)

YES_NO = (
    Option("yes", "确认", "choose", {"answer": "yes"}),
    Option("no", "不了", "choose", {"answer": "no"}),
)


def inbound(text: str = "你好", channel: ChannelName = WECHAT, **values: Any) -> Inbound:
    """A text by default, with a vendor key of its own."""
    given: dict[str, Any] = {
        "channel": channel,
        "account_id": ACCOUNTS[channel],
        "address": OPENID if channel is WECHAT else PHONE,
        "vendor_key": f"key-{next(_numbers)}",
        "kind": "text",
        "text": text,
    }
    return Inbound(**{**given, **values})


async def conversation(
    database: Database,
    clock: Clock,
    channel: ChannelName = WECHAT,
    address: str | None = None,
    holder: str = "self",
) -> tuple[Contact, Conversation]:
    """The contact at `address`, made if need be; a phone has said who answers it."""
    async with database.write("a test's contact") as session:
        address = address or (OPENID if channel is WECHAT else PHONE)
        contact, talk = await contacts.ensure(session, channel, ACCOUNTS[channel], address, clock.now())
        if contact.channel == SMS:
            contact.holder = holder
        return contact, talk


async def say(
    database: Database, clock: Clock, to: Conversation, *replies: Reply, purpose: str = "reply", **values: Any
) -> list[OutboundMessage]:
    """Queue `replies`, each under a key of its own; returns what is new."""
    async with database.write("a test's words") as session:
        made = [
            await outbox.enqueue(
                session,
                to,
                reply,
                **{
                    "dedup_key": f"test:{next(_numbers)}",
                    "purpose": purpose,
                    "now": clock.now(),
                    **values,
                },
            )
            for reply in replies
        ]
    return [message for message in made if message is not None]


async def received(database: Database) -> list[InboundMessage]:
    """Every inbound message, in the order of its conversation."""
    async with database.read() as session:
        rows = await session.scalars(
            select(InboundMessage).order_by(InboundMessage.conversation_id, InboundMessage.seq)
        )
        return list(rows)


async def said(database: Database) -> list[OutboundMessage]:
    """Every outbound message, in the order it was said."""
    async with database.read() as session:
        rows = await session.scalars(
            select(OutboundMessage).order_by(OutboundMessage.conversation_id, OutboundMessage.seq)
        )
        return list(rows)


def keys(messages: list[OutboundMessage]) -> list[str]:
    return [str(message.reply["key"]) for message in messages]
