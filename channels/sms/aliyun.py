"""Alibaba Cloud SMS, API 2017-05-25: SendSms and QuerySendDetails over our own client.

https://help.aliyun.com/document_detail/55284.html: the API is not idempotent; after a timeout nothing is sent again by
itself, `resolve` asks what became of it.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from channels.chinatime import until_hour
from channels.ports import Outcome, Rendered, SendResult
from channels.sms.acs3 import EMPTY_BODY, authorization, canonical_query
from channels.sms.checks import send_problems
from channels.sms.numbers import is_mainland_mobile, national
from channels.sms.port import CallbackAccount, Capabilities
from channels.sms.template import VARIABLE_CHARS, TemplateRegistry, count_parts, signed
from channels.sms.transport import Answer, Transport, counted, later, refused, unclear
from store.clock import Clock

log = logging.getLogger(__name__)

VERSION = "2017-05-25"
PUBLIC_API = "https://dysmsapi.aliyuncs.com"
OUT_ID_CHARS = 255
"""https://help.aliyun.com/document_detail/55284.html: OutId is shorter than 256."""
DETAILS_PAGE, DETAILS_PAGES = 50, 4
"""Rows of one QuerySendDetails page (at most 50), and how many pages `resolve` reads: a number gets far fewer a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunAccount(CallbackAccount):
    """Keys of one account. `extend_code` is sent as SmsUpExtendCode and comes back at the end of an answer's dest_code."""

    driver: ClassVar[str] = "aliyun"
    access_key_id: str
    access_key_secret: str = field(repr=False)
    extend_code: str = ""
    base_url: str = PUBLIC_API


class AliyunSender:
    """A `SmsSender` and `StatusQuery` that speaks approved templates only: `template_code` and `variables` of the message,
    the rest is ignored.

    With `templates`, what the vendor would refuse is refused here, without a call. `client_ref` travels as OutId and comes
    back in the delivery report.
    """

    capabilities = Capabilities(
        template_only=True, supports_status_query=True, variable_chars=VARIABLE_CHARS, text_chars=500
    )

    def __init__(
        self,
        account: AliyunAccount,
        clock: Clock,
        templates: TemplateRegistry | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.account = account
        self._clock = clock
        self._templates = templates
        self._transport = Transport(session)
        base = urlsplit(account.base_url)
        self._scheme, self._host, self._path = base.scheme, base.netloc, base.path.rstrip("/") + "/"

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`address` is E.164; mainland mobile numbers only."""
        if (refusal := send_problems(address, message, self._templates, is_mainland_mobile)) is not None:
            return refused(*refusal)
        template = self._templates.by_code(message.template_code) if self._templates else None
        query = {
            "PhoneNumbers": national(address),
            "SignName": template.sign if template else self.account.sign,
            "TemplateCode": message.template_code,
            "OutId": client_ref[:OUT_ID_CHARS],
        }
        if message.variables:
            query["TemplateParam"] = orjson.dumps(message.variables).decode()
        if self.account.extend_code:
            query["SmsUpExtendCode"] = self.account.extend_code
        parts = count_parts(signed(message.text, query["SignName"]))
        return self._send_result(await self.call("SendSms", query), parts)

    async def resolve(self, address: str, client_ref: str, day: date) -> Outcome | None:
        """As `StatusQuery`, from QuerySendDetails: SendStatus 1 waiting, 2 failed, 3 delivered."""
        for page in range(1, DETAILS_PAGES + 1):
            details = await self.query_details(address, day.strftime("%Y%m%d"), page=page)
            for detail in details or []:
                if detail.get("OutId") == client_ref[:OUT_ID_CHARS]:
                    return Outcome.REFUSED if str(detail.get("SendStatus")) == "2" else Outcome.ACCEPTED
            if details is None or len(details) < DETAILS_PAGE:
                return None
        return None

    async def query_details(
        self, address: str, day: str, vendor_id: str = "", page: int = 1
    ) -> list[dict[str, Any]] | None:
        """QuerySendDetails: what became of the messages to `address` on `day` (`20261122`, UTC+8); `None`
        when it failed.

        Each is the vendor's own object: `OutId`, `SendStatus` (1 waiting, 2 failed, 3 delivered), `ErrCode`….
        """
        query = {
            "PhoneNumber": national(address),
            "SendDate": day,
            "PageSize": str(DETAILS_PAGE),
            "CurrentPage": str(page),
        }
        if vendor_id:
            query["BizId"] = vendor_id
        answer = await self.call("QuerySendDetails", query)
        if not isinstance(answer, Answer) or answer.status != 200 or answer.body.get("Code") != "OK":
            return None
        listed = answer.body.get("SmsSendDetailDTOs")
        details = listed.get("SmsSendDetailDTO") if isinstance(listed, dict) else None
        return [detail for detail in details or [] if isinstance(detail, dict)]

    async def call(self, action: str, query: dict[str, str]) -> Answer | SendResult:
        """One signed RPC call; a `SendResult` when there is no answer to read."""
        text = canonical_query(query)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-content-sha256": EMPTY_BODY,
            "x-acs-date": self._clock.now().astimezone(UTC).isoformat()[:19] + "Z",
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": VERSION,
        }
        headers["Authorization"] = authorization(
            self.account.access_key_id,
            self.account.access_key_secret,
            "POST",
            self._path,
            text,
            headers,
            EMPTY_BODY,
        )
        url = URL.build(
            scheme=self._scheme, authority=self._host, path=self._path, query_string=text, encoded=True
        )
        return await self._transport.call("POST", url, headers, understood=_understood)

    async def close(self) -> None:
        await self._transport.close()

    def _send_result(self, answer: Answer | SendResult, parts: int = 0) -> SendResult:
        """`parts` is our own count: this vendor's answer has none."""
        if isinstance(answer, SendResult):
            return counted(answer, parts)
        code, detail = str(answer.body["Code"]), str(answer.body.get("Message", ""))[:300]
        if code == "OK" and answer.status == 200:
            return SendResult(
                Outcome.ACCEPTED, vendor_id=str(answer.body.get("BizId", "")), code=code, parts=parts
            )
        if answer.status >= 500:
            return counted(unclear(code, f"HTTP {answer.status}"), parts)
        if code.startswith(ALERTS):
            log.error("aliyun refused a message", extra={"code": code, "account": self.account.account_id})
        if code == "isv.BUSINESS_LIMIT_CONTROL":
            return later(code, detail, _limit_wait(detail))
        if code == "isv.DAY_LIMIT_CONTROL":
            return later(code, detail, until_hour(self._clock.now(), 0))
        if code in WAITS:
            return later(code, detail, WAITS[code])
        return refused(code, detail, stop=code in STOPS, stop_account=code.startswith(ACCOUNT))


def _understood(answer: dict[str, Any]) -> bool:
    return isinstance(answer.get("Code"), str)


# Codes: https://help.aliyun.com/document_detail/101346.html. What is in none of these is refused, and another rung tried.
WAITS = {"isp.SYSTEM_ERROR": 5.0, "Throttling.User": 2.0, "Throttling": 2.0}
"""Seconds to wait before another try; ours."""
STOPS = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_BLACK"})
"""This number takes nothing, now and later. [M] the second name."""
ACCOUNT = (
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "isp.RAM",
    "isv.ACCOUNT_",
    "isv.OUT_OF_SERVICE",
    "isv.PRODUCT_",
    "isv.AMOUNT_",
    "isv.DENY_IP",
)
"""How codes begin that no message of the account survives: wrong keys, missing rights, no money, a closed service."""
ALERTS = (
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidTimeStamp",
    "isp.RAM",
    "isv.ACCOUNT_",
    "isv.OUT_OF_SERVICE",
    "isv.PRODUCT_",
    "isv.AMOUNT_",
    "isv.SMS_",
    "isv.SIGN_",
    "isv.DENY_IP",
    "isv.DAY_LIMIT",
    "isv.MONTH_LIMIT",
    "isv.EXTEND_CODE",
    "isv.TEMPLATE_",
)
"""How codes begin that mean the account, its keys, signature or templates: every message suffers, people must look."""


def _limit_wait(detail: str) -> float:
    """ "触发小时级流控Permits:5" and its like: as long as the rolling window that was hit."""
    if "分钟" in detail:
        return 60.0
    return 3600.0 if "小时" in detail else 86400.0
