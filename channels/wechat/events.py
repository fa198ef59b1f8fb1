"""What WeChat reports about its own doings and about consent: read in the transaction that stores the event.

Sources: https://developers.weixin.qq.com/doc/service/guide/product/subscription_messages/push.html (consent and results of
subscription notices) and https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
(TEMPLATESENDJOBFINISH; its field is `MsgID`). Nothing of this is the patient speaking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung
from channels.ports import ChannelName, Inbound, Receipt
from channels.wechat import grants

NOT_THE_PATIENT = frozenset(
    {
        "templatesendjobfinish",
        "masssendjobfinish",
        "subscribe_msg_sent_event",
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "location",
        "unsubscribe",
    }
)
"""Events after which nobody has written, followed or come back."""
_CONSENT = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
}
_NOTICES = (str(Rung.TEMPLATE), str(Rung.SUBSCRIPTION_LONG), str(Rung.SUBSCRIPTION_ONCE))
KindOf = Callable[[str, str], str]
"""Account id and template id → `long`, `once` or `template`."""


def speaks(message: Inbound) -> bool:
    """Whether the patient did something, as opposed to WeChat telling of something."""
    return not (message.kind == "event" and message.event in NOT_THE_PATIENT)


async def with_reference(session: AsyncSession, contact_id: UUID, reports: list[Receipt]) -> list[Receipt]:
    """A report may be quicker than the answer that names the message: then it belongs to the notice still in flight."""
    flying = await session.scalar(
        select(DeliveryAttempt.outbound_id)
        .join(OutboundMessage, OutboundMessage.id == DeliveryAttempt.outbound_id)
        .where(
            OutboundMessage.contact_id == contact_id,
            DeliveryAttempt.rung.in_(_NOTICES),
            DeliveryAttempt.verdict.in_(("started", "uncertain")),
        )
        .order_by(DeliveryAttempt.started_at.desc())
        .limit(1)
    )
    return reports if flying is None else [replace(one, client_ref=str(flying)) for one in reports]


async def take_consent(
    session: AsyncSession,
    message: Inbound,
    contact_id: UUID,
    inbound_id: UUID,
    kind_of: KindOf,
    now: datetime,
) -> None:
    """Keep what the pop-up or the settings page said about each notice; anything malformed in it is passed over."""
    for item in _items(message.raw, _CONSENT.get(message.event, "")):
        template_id, status = item.get("TemplateId"), item.get("SubscribeStatusString")
        if isinstance(template_id, str) and template_id and status in ("accept", "reject"):
            await grants.answered(
                session,
                contact_id,
                template_id[:64],
                kind=kind_of(message.account_id, template_id),
                accepted=status == "accept" and message.event == "subscribe_msg_popup_event",
                inbound_id=inbound_id,
                now=now,
            )


def receipts(message: Inbound) -> list[Receipt]:
    """The delivery reports inside an event: of template messages and of subscription notices."""
    if message.event == "templatesendjobfinish":
        status = str(message.raw.get("Status", ""))
        return [_receipt(message, message.event_key, ok=status == "success", code=status)]
    if message.event == "subscribe_msg_sent_event":
        return [
            _receipt(
                message,
                str(item.get("MsgID", "")),
                ok=str(item.get("ErrorCode", "")) == "0",
                code=str(item.get("ErrorStatus") or item.get("ErrorCode") or ""),
            )
            for item in _items(message.raw, "SubscribeMsgSentEvent")
        ]
    return []


def _receipt(message: Inbound, vendor_id: str, *, ok: bool, code: str) -> Receipt:
    return Receipt(
        channel=ChannelName.WECHAT,
        account_id=message.account_id,
        vendor_id=vendor_id,
        client_ref="",
        ok=ok,
        code=code[:200],
        at=message.sent_at,
    )


def _items(fields: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    """The entries of `part`: XML repeats `<List>`, JSON has a list; either may stand in the event itself."""
    inside = fields.get(part) if part else None
    outer = inside if isinstance(inside, list) else [inside if isinstance(inside, dict) else fields]
    found: list[dict[str, Any]] = []
    for holder in outer:
        listed = holder.get("List") if isinstance(holder, dict) else None
        found += [
            item for item in (listed if isinstance(listed, list) else [listed]) if isinstance(item, dict)
        ]
    return found
