"""Codes that prove whose phone it is."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts import service as contacts
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Reply
from store.clock import Clock


class SmsCodes:
    """Implements `actions.services.PhoneCodes`: a code is an SMS row to the number on record."""

    def __init__(self, account_id: str, clock: Clock) -> None:
        self._account_id = account_id
        self._clock = clock

    async def send(self, session: AsyncSession, phone: str, code: str, dedup_key: str) -> None:
        now = self._clock.now()
        _, conversation = await contacts.ensure(session, ChannelName.SMS, self._account_id, phone, now)
        await outbox.enqueue(
            session,
            conversation,
            Reply("bind.code_sms", {"code": code}),
            dedup_key=dedup_key,
            purpose="code",
            now=now,
        )
