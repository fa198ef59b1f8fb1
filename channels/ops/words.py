"""The words of one message, as its own account sends them."""

from __future__ import annotations

from channels.ops.desk import OpsHouse
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from channels.reply import Reply
from channels.sms.template import signed
from channels.wechat.wording import as_text
from channels.wording.catalogue import CALL_US


def words_of(house: OpsHouse, message: OutboundMessage) -> str:
    """What the patient reads, signature and options included; empty where the account has no words for it."""
    reply = Reply.from_json(message.reply or {})
    try:
        if message.channel != ChannelName.SMS:
            return as_text(house.catalogue.render_wechat(reply, message.question_id))
        account = message.account_id
        rendered = house.catalogue.render_sms(reply, account) or house.catalogue.render_sms(
            Reply(CALL_US), account
        )
    except KeyError:
        return ""
    signs = {one.account_id: one.sign for one in house.accounts() if one.channel == ChannelName.SMS}
    return "" if rendered is None else signed(rendered.text, signs.get(account, ""))
