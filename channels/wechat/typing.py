""" "正在输入" while an answer takes long: a patient who sees it does not write the same thing again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from channels.contacts.models import Contact
from channels.ports import ChannelName
from channels.wechat.client import WeChatClient

log = structlog.get_logger(__name__)

SLOW = 1.5
"""Seconds of thinking after which it is shown; WeChat keeps showing it for some 15 s (community reading), or until an answer."""


class Typing:
    """For the accounts that have customer-service messages. One call a slow answer; what WeChat says to it changes nothing."""

    def __init__(self, clients: Mapping[str, WeChatClient], after: float = SLOW) -> None:
        self._clients = {
            name: client
            for name, client in clients.items()
            if client.account.customer_messages and client.account.account_type == "service"
        }
        self._after = after

    @asynccontextmanager
    async def while_slow(self, contact: Contact) -> AsyncIterator[None]:
        """Shows it to `contact` while the block runs longer than a moment. Never fails, never delays the block."""
        client = self._clients.get(contact.account_id) if contact.channel == ChannelName.WECHAT else None
        if client is None:
            yield
            return
        showing = asyncio.create_task(self._show(client, contact.address))
        try:
            yield
        finally:
            showing.cancel()

    async def _show(self, client: WeChatClient, openid: str) -> None:
        await asyncio.sleep(self._after)
        try:
            await client.typing(openid)
        except Exception as error:
            log.info("wechat.typing_failed", reason=type(error).__name__)
