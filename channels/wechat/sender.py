"""Sends a rendered message to an openid by customer-service message."""

from __future__ import annotations

from channels.ports import Outcome, Rendered, SendResult
from channels.wechat.client import Answer, NotSent, Unclear, WeChatClient
from channels.wechat.errors import MENU_ERRORS, VendorError, verdict
from channels.wechat.wording import as_text, clean, plan, split_text

RETRY_SECONDS = 2.0


class WeChatSender:
    """A `Sender` for one account. Long texts go as several messages; menus as msgmenu where the account
    may, else as numbered text. Once a part was accepted the rest is never tried again: the result is then
    `UNCERTAIN`.
    """

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`client_ref` is ours only: WeChat has no field for it on customer-service messages."""
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
            return SendResult(Outcome.ACCEPTED, vendor_id=str(answer.get("msgid", "")), code="0")
        if isinstance(answer, Unclear):
            return SendResult(Outcome.UNCERTAIN, code="unclear", detail=answer.detail)
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
            return SendResult(Outcome.UNCERTAIN, code=result.code, detail=detail)
        return result
