"""What an answer costs before it is sent: messages of WeChat's window, or parts of an SMS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.replies import as_sms
from channels.contacts.models import Contact, SendingWindow
from channels.ports import ChannelName
from channels.reply import Reply
from channels.sms.template import count_parts, signed
from channels.wechat.window import Window
from channels.wechat.wording import weight
from channels.wording.catalogue import Catalogue

Cannot = Literal["", "too_long", "no_template", "window", "quota", "unfollowed", "stopped"]


@dataclass(frozen=True, slots=True)
class Weight:
    """`messages` of the vendor's it takes, `price` in yuan (0 on WeChat); `cannot`: why it does not go out as it is."""

    messages: int
    price: float
    cannot: Cannot


@dataclass(frozen=True, slots=True)
class Left:
    """What the contact may still be sent. `known`: WeChat's window is on record; otherwise WeChat is asked when it comes to it."""

    messages: int
    until: datetime | None
    known: bool


class Weigher:
    """`types`: WeChat account types, `signs`: SMS signatures, both by account id; `price` of one SMS part in yuan."""

    def __init__(
        self, catalogue: Catalogue, types: dict[str, str], signs: dict[str, str], price: float
    ) -> None:
        self._catalogue, self._types, self._signs, self._price = catalogue, types, signs, price

    async def left(self, session: AsyncSession, contact: Contact, now: datetime) -> Left:
        """WeChat's window and what is left in it; on SMS nothing limits an answer."""
        row = await session.get(SendingWindow, contact.id, populate_existing=True)
        if contact.channel != ChannelName.WECHAT or row is None:
            return Left(0, None, known=False)
        window = Window(row.remaining, row.expires_at)
        return Left(window.left(now), row.expires_at, known=True)

    async def weigh(
        self, session: AsyncSession, contact: Contact, text: str, now: datetime, *, first: bool
    ) -> Weight:
        """`first`: it is the first answer, which says what such a talk is not."""
        if contact.status == "unfollowed":
            return Weight(0, 0.0, "unfollowed")
        if contact.status == "wrong_number":
            return Weight(0, 0.0, "stopped")
        if contact.channel == ChannelName.SMS:
            return self._sms(contact.account_id, text, first=first)
        reply = Reply("desk.reply_first" if first else "desk.reply", {"text": text})
        takes = weight(self._catalogue.render_wechat(reply, None), contact.account_id, self._types)
        left = await self.left(session, contact, now)
        if not left.known:
            return Weight(takes, 0.0, "")
        if left.until is None or left.until <= now:
            return Weight(takes, 0.0, "window")
        return Weight(takes, 0.0, "quota" if left.messages < takes else "")

    def _sms(self, account_id: str, text: str, *, first: bool) -> Weight:
        reply = as_sms(text, first=first)
        if reply is None:
            return Weight(0, 0.0, "too_long")
        rendered = self._catalogue.render_sms(reply, account_id)
        if rendered is None:
            return Weight(0, 0.0, "no_template")
        parts = count_parts(signed(rendered.text, self._signs.get(account_id, "")))
        return Weight(parts, parts * self._price, "")
