"""Sends a rendered message to an openid: as a customer-service message, or as a notice when its rung says so."""

from __future__ import annotations

from dataclasses import replace

from channels.outbox.ports import Rung
from channels.ports import Outcome, Rendered, SendResult
from channels.wechat.client import Answer, NotSent, Unclear, WeChatClient
from channels.wechat.errors import MENU_ERRORS, VendorError, verdict
from channels.wechat.wording import as_text, clean, plan, split_text

RETRY_SECONDS = 2.0
NO_RIGHT = "48001"
_NOTICES = frozenset({Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE, Rung.TEMPLATE})


class WeChatSender:
    """A `Sender` for one account. Long texts go as several messages; menus as msgmenu where the account
    may, else as numbered text. Once a part was accepted the rest is never tried again: the result is then
    `UNCERTAIN`.
    """

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`client_ref` is ours only on customer-service messages and subscription notices; a template message carries it as
        `client_msg_id`, which keeps WeChat itself from sending it twice."""
        if message.rung in _NOTICES:
            return await self._notice(address, message, client_ref)
        texts, head = plan(message, self._client.account.account_type)
        if not texts and head is None:
            return SendResult(Outcome.REFUSED, code="empty", detail="nothing to send")
        result = await self._texts(address, texts, 0)
        if head is None or result.outcome is not Outcome.ACCEPTED:
            return result
        answer = await self._menu(address, head, message)
        if isinstance(answer, VendorError) and answer.code in MENU_ERRORS:
            rest = split_text(as_text(Rendered(text=head, menu=message.menu, tail=message.tail)))
            return await self._texts(address, rest, len(texts))
        return self._result(answer, len(texts), len(texts) + 1)

    async def close(self) -> None:
        await self._client.close()

    async def _notice(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        if not message.template_code or not message.variables:
            return SendResult(
                Outcome.REFUSED, code="no_notice", detail="no template to tell it by", next_rung=True
            )
        if message.rung == Rung.TEMPLATE:
            answer = await self._client.send_template(
                address, message.template_code, message.variables, message.url, client_ref
            )
        else:
            answer = await self._client.send_subscription(
                address, message.template_code, message.variables, message.url
            )
        result = self._result(answer, 0, 1)
        # That a right to notices is missing (48001) says nothing about conversations.
        return replace(result, stop_channel=False) if result.code == NO_RIGHT else result

    async def _menu(self, address: str, head: str, message: Rendered) -> Answer:
        items = [{"id": item.id, "content": clean(item.label)} for item in message.menu]
        return await self._client.send_menu(address, head, items, clean(message.tail))

    async def _texts(self, address: str, parts: list[str], sent_before: int) -> SendResult:
        result = SendResult(Outcome.ACCEPTED, code="0")
        for number, part in enumerate(parts):
            answer = await self._client.send_text(address, part)
            result = self._result(answer, sent_before + number, sent_before + len(parts))
            if result.outcome is not Outcome.ACCEPTED:
                break
        return result

    def _result(self, answer: Answer, sent: int, total: int) -> SendResult:
        if isinstance(answer, dict):
            return SendResult(
                Outcome.ACCEPTED, vendor_id=str(answer.get("msgid", "")), code="0", parts=sent + 1
            )
        if isinstance(answer, Unclear):
            return SendResult(Outcome.UNCERTAIN, code="unclear", detail=answer.detail, parts=sent)
        if isinstance(answer, NotSent):
            result = SendResult(
                Outcome.RETRY,
                code="not_sent",
                detail=answer.detail,
                retry_after=RETRY_SECONDS,
            )
        else:
            result = verdict(answer, self._client.clock.now())
        if sent:
            detail = f"{sent} of {total} parts accepted, then {result.code} {result.detail}"
            return SendResult(Outcome.UNCERTAIN, code=result.code, detail=detail, parts=sent)
        return result
