"""Tencent Cloud SMS, API 2021-01-11: SendSms and PullSmsSendStatusByPhoneNumber over our own client.

https://cloud.tencent.com/document/api/382/55981. One number a call, so that each message has its own answer. Approved
templates only, their variables by position.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from channels.chinatime import CHINA
from channels.ports import Outcome, Rendered, SendResult
from channels.sms import tc3, tencent_codes
from channels.sms.checks import send_problems
from channels.sms.numbers import is_mainland_mobile
from channels.sms.port import CallbackAccount, Capabilities
from channels.sms.template import TemplateRegistry, count_parts, signed
from channels.sms.transport import Answer, Transport, counted, refused, unclear
from store.clock import Clock

log = logging.getLogger(__name__)

VERSION = "2021-01-11"
PUBLIC_API = "https://sms.tencentcloudapi.com"
CONTENT_TYPE = "application/json"
CONTEXT_BYTES = 511
"""SessionContext is shorter than 512 bytes."""
STATUS_LIMIT = 100
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TencentAccount(CallbackAccount):
    """Keys of one application (`sdk_app_id`). `extend_code` needs the vendor's permission; empty: not sent.

    `variable_chars` bounds one variable: 6 for accounts opened since 2024-01-25, more for older ones; the console names it
    (InvalidParameterValue.TemplateParameterLengthLimit in the vendor's SDK).
    """

    driver: ClassVar[str] = "tencent"
    secret_id: str
    secret_key: str = field(repr=False)
    sdk_app_id: str
    region: str = "ap-guangzhou"
    extend_code: str = ""
    variable_chars: int = 12
    base_url: str = PUBLIC_API


class TencentSender:
    """A `SmsSender` and `StatusQuery`. `client_ref` travels as SessionContext.

    Variables go out in the order of the template's text: from `templates` when it knows the code, else in the order of
    `message.variables`, which the catalogue keeps the same.
    """

    def __init__(
        self,
        account: TencentAccount,
        clock: Clock,
        templates: TemplateRegistry | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.account = account
        self.capabilities = Capabilities(
            template_only=True,
            supports_status_query=True,
            variable_chars=account.variable_chars,
            text_chars=500,
        )
        self._clock = clock
        self._templates = templates
        self._transport = Transport(session)

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`address` is E.164; mainland mobile numbers only (abroad needs other templates and consent)."""
        refusal = send_problems(
            address, message, self._templates, is_mainland_mobile, self.account.variable_chars
        )
        if refusal is not None:
            return refused(*refusal)
        template = self._templates.by_code(message.template_code) if self._templates else None
        body: dict[str, Any] = {
            "PhoneNumberSet": [address],
            "SmsSdkAppId": self.account.sdk_app_id,
            "SignName": template.sign if template else self.account.sign,
            "TemplateId": message.template_code,
            "TemplateParamSet": params(message.variables, template.text if template else ""),
            "SessionContext": _context(client_ref),
        }
        if self.account.extend_code:
            body["ExtendCode"] = self.account.extend_code
        result = self._send_result(await self.call("SendSms", body))
        return counted(result, count_parts(signed(message.text, body["SignName"])))

    async def resolve(self, address: str, client_ref: str, day: date) -> Outcome | None:
        """As `StatusQuery`. The vendor lists only what a carrier has reported, for 7 days, and returns SessionContext only to
        accounts it was opened for: without it the answer is always `None`."""
        begin = datetime(day.year, day.month, day.day, tzinfo=CHINA)
        answer = await self.call(
            "PullSmsSendStatusByPhoneNumber",
            {
                "BeginTime": int(begin.timestamp()),
                "EndTime": int((begin + timedelta(days=2)).timestamp()),
                "Offset": 0,
                "Limit": STATUS_LIMIT,
                "PhoneNumber": address,
                "SmsSdkAppId": self.account.sdk_app_id,
            },
        )
        if not isinstance(answer, Answer):
            return None
        for row in answer.body["Response"].get("PullSmsSendStatusSet") or []:
            if isinstance(row, dict) and row.get("SessionContext") == _context(client_ref):
                return Outcome.ACCEPTED if row.get("ReportStatus") == "SUCCESS" else Outcome.REFUSED
        return None

    async def call(self, action: str, body: dict[str, Any]) -> Answer | SendResult:
        """One signed call; a `SendResult` when there is no answer to read."""
        base = urlsplit(self.account.base_url)
        payload = orjson.dumps(body)
        now = int(self._clock.now().timestamp())
        signed = {"content-type": CONTENT_TYPE, "host": base.netloc, "x-tc-action": action}
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Host": base.netloc,
            "X-TC-Action": action,
            "X-TC-Version": VERSION,
            "X-TC-Region": self.account.region,
            "X-TC-Timestamp": str(now),
            "Authorization": tc3.authorization(
                self.account.secret_id, self.account.secret_key, "sms", now, signed, payload
            ),
        }
        url = URL(f"{base.scheme}://{base.netloc}{base.path.rstrip('/')}/", encoded=True)
        return await self._transport.call("POST", url, headers, payload, understood=_understood)

    async def close(self) -> None:
        await self._transport.close()

    def _send_result(self, answer: Answer | SendResult) -> SendResult:
        if isinstance(answer, SendResult):
            return answer
        response = answer.body["Response"]
        if isinstance(error := response.get("Error"), dict):
            return self._failed(str(error.get("Code", "")), str(error.get("Message", "")))
        statuses = response.get("SendStatusSet")
        if not isinstance(statuses, list) or not statuses or not isinstance(statuses[0], dict):
            return unclear("no_status", "neither an error nor a status")
        status = statuses[0]
        code = str(status.get("Code", ""))
        if code == "Ok":
            fee = status.get("Fee")
            return SendResult(
                Outcome.ACCEPTED,
                vendor_id=str(status.get("SerialNo", "")),
                code=code,
                parts=fee if isinstance(fee, int) else 0,
            )
        return self._failed(code, str(status.get("Message", "")))

    def _failed(self, code: str, detail: str) -> SendResult:
        if code.startswith(tencent_codes.ALERTS):
            log.error("tencent refused a message", extra={"code": code, "account": self.account.account_id})
        return tencent_codes.verdict(code, detail, self._clock.now())


def params(variables: dict[str, str], text: str = "") -> list[str]:
    """The values by position: in the order the names first appear in `text`, or as they stand without it."""
    if not text:
        return list(variables.values())
    return [variables[name] for name in dict.fromkeys(_VARIABLE.findall(text)) if name in variables]


def positional(text: str) -> str:
    """Our template text as this vendor writes it: `${name}` becomes `{1}`, `{2}`… in order of first appearance."""
    places = {name: n for n, name in enumerate(dict.fromkeys(_VARIABLE.findall(text)), 1)}
    return _VARIABLE.sub(lambda match: f"{{{places[match[1]]}}}", text)


def _context(client_ref: str) -> str:
    return client_ref.encode()[:CONTEXT_BYTES].decode("utf-8", "ignore")


def _understood(answer: dict[str, Any]) -> bool:
    response = answer.get("Response")
    return isinstance(response, dict) and bool(response.keys() - {"RequestId"})
