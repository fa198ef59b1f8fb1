"""Messages that are already somewhere on their way: rows as the delivery leaves them behind."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import DeliveryAttempt, DeliveryHold, OutboundMessage
from tests.factories.messages import ACCOUNTS, OPENID, PHONE, SMS, WECHAT

_numbers = itertools.count(1)


async def contact(
    session: AsyncSession, now: datetime, channel: str = "wechat", address: str = ""
) -> tuple[Contact, Conversation]:
    name = WECHAT if channel == "wechat" else SMS
    given = address or (OPENID if channel == "wechat" else PHONE)
    return await contacts.ensure(session, name, ACCOUNTS[name], given, now)


async def message(
    session: AsyncSession,
    now: datetime,
    status: str = "queued",
    *,
    channel: str = "wechat",
    address: str = "",
    key: str = "common.greeting",
    **values: Any,
) -> OutboundMessage:
    """One message in `status`, made and (unless it still waits) ended at `now`."""
    person, conversation = await contact(session, now, channel, address)
    number = next(_numbers)
    ended = status not in ("queued", "sending")
    row = OutboundMessage(
        **{
            "dedup_key": f"made:{number}",
            "conversation_id": conversation.id,
            "contact_id": person.id,
            "channel": person.channel,
            "account_id": person.account_id,
            "seq": number,
            "purpose": "reply",
            "priority": 0,
            "reply": {"key": key, "params": {}, "options": []},
            "status": status,
            "created_at": now,
            "due_at": None if ended else now,
            "finished_at": now if ended else None,
            "attempts": 0,
            **values,
        }
    )
    session.add(row)
    await session.flush()
    return row


async def attempt(
    session: AsyncSession, of: OutboundMessage, verdict: str = "accepted", n: int = 1, **values: Any
) -> DeliveryAttempt:
    """One try of `of`, that took 120 ms."""
    at = of.created_at + timedelta(seconds=n)
    row = DeliveryAttempt(
        **{
            "outbound_id": of.id,
            "n": n,
            "rung": "custom" if of.channel == "wechat" else "sms",
            "verdict": verdict,
            "started_at": at,
            "finished_at": at + timedelta(milliseconds=120),
            **values,
        }
    )
    session.add(row)
    await session.flush()
    return row


async def inbound(
    session: AsyncSession, now: datetime, text: str = "我想挂号", channel: str = "wechat", **values: Any
) -> InboundMessage:
    """One thing a patient wrote."""
    person, conversation = await contact(session, now, channel)
    number = next(_numbers)
    row = InboundMessage(
        **{
            "conversation_id": conversation.id,
            "contact_id": person.id,
            "seq": number,
            "channel": person.channel,
            "account_id": person.account_id,
            "vendor_key": f"made-in:{number}",
            "kind": "text",
            "text": text,
            "raw": {},
            "received_at": now,
            "handled_at": now,
            "status": "handled",
            **values,
        }
    )
    session.add(row)
    await session.flush()
    return row


async def hold(session: AsyncSession, now: datetime, scope: str = "all", key: str = "") -> DeliveryHold:
    """Something people have stopped."""
    row = DeliveryHold(scope=scope, key=key, reason="内容有误", set_at=now)
    session.add(row)
    await session.flush()
    return row
