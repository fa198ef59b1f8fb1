"""A message in the words of the rung it leaves by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Notice, TroubleDesk
from channels.ports import ChannelName, Rendered
from channels.reply import Reply
from channels.sms.template import count_parts
from channels.wechat.wording import weight
from channels.wording.catalogue import CALL_US, Catalogue

log = structlog.get_logger(__name__)


class Renderer:
    """Renders in the transaction of the claim; where words are missing, a person is told in the same.

    `account_types`: what WeChat accounts are (`service`, `subscription`, `test`), by account id.
    """

    def __init__(
        self, catalogue: Catalogue, desk: TroubleDesk, account_types: Mapping[str, str] | None = None
    ) -> None:
        self._catalogue = catalogue
        self._desk = desk
        self._account_types = account_types or {}

    def parts(self, rendered: Rendered, contact: Contact) -> int:
        """How many of the vendor's messages it takes. An SMS's signature is the vendor's affair and not counted here: a driver
        that knows better says so in its result."""
        if rendered.rung:
            return 1
        if contact.channel == ChannelName.WECHAT:
            return weight(rendered, contact.account_id, self._account_types)
        return count_parts(rendered.text)

    def words(self, row: OutboundMessage, contact: Contact) -> Rendered | None:
        """As a WeChat customer message; None on other channels, and where there are no words for it."""
        if contact.channel != ChannelName.WECHAT:
            return None
        try:
            return self._catalogue.render_wechat(Reply.from_json(row.reply), row.question_id)
        except KeyError:
            return None

    async def render(
        self,
        session: AsyncSession,
        row: OutboundMessage,
        contact: Contact,
        notice: Notice | None,
        rung: str,
        now: datetime,
    ) -> Rendered | None:
        """None when there are no words for it; somebody has a call task then."""
        if notice is not None:
            return Rendered(
                rung=rung, template_code=notice.template_id, variables=dict(notice.fields), url=notice.url
            )
        reply = Reply.from_json(row.reply)
        try:
            if contact.channel == ChannelName.WECHAT:
                return self._catalogue.render_wechat(reply, row.question_id)
            return await self._sms(session, row, contact, reply, now)
        except KeyError as error:
            log.error("delivery.no_wording", key=str(error))
            await self._desk.undeliverable(session, row, f"no_wording:{reply.key}", now)
            return None

    async def _sms(
        self, session: AsyncSession, row: OutboundMessage, contact: Contact, reply: Reply, now: datetime
    ) -> Rendered | None:
        rendered = self._catalogue.render_sms(reply, contact.account_id)
        if rendered is not None:
            return rendered
        # No approved words for it: the patient gets the landline, a person gets a call task.
        await self._desk.undeliverable(session, row, f"no_sms_template:{reply.key}", now)
        return self._catalogue.render_sms(Reply(CALL_US), contact.account_id)
