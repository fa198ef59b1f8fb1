"""Alibaba Cloud SMS, API 2017-05-25: SendSms over our own client.

https://help.aliyun.com/document_detail/55284.html: the API is not idempotent; after a timeout nothing is
sent again by itself. Codes: https://help.aliyun.com/document_detail/101346.html.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from channels.ports import Outcome, Rendered, SendResult
from channels.sms.acs3 import EMPTY_BODY, authorization, canonical_query
from channels.sms.numbers import national
from channels.sms.template import TemplateRegistry
from store.clock import Clock

log = logging.getLogger(__name__)

VERSION = "2017-05-25"
PUBLIC_API = "https://dysmsapi.aliyuncs.com"
TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2, sock_connect=2, sock_read=5)
KEEPALIVE = 4.0
MAX_ANSWER = 64 * 1024
SECRET_LENGTH = 24
"""Shortest path secret: the vendor does not sign its callbacks, so the path must not be guessable."""


@dataclass(frozen=True, slots=True)
class AliyunAccount:
    """Keys of one account. `callback_secrets` are the path parts accepted in its callback URLs, the current
    one first."""

    account_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    sign: str
    callback_secrets: tuple[str, ...] = field(repr=False)
    base_url: str = PUBLIC_API

    def __post_init__(self) -> None:
        if not self.callback_secrets or any(len(secret) < SECRET_LENGTH for secret in self.callback_secrets):
            raise ValueError(
                f"SMS account {self.account_id}: callback secrets need {SECRET_LENGTH} or more characters"
            )


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]


class AliyunSender:
    """A `Sender` that speaks approved templates only: `template_code` and `variables` of the message, the
    rest is ignored.

    With `templates`, what the vendor would refuse is refused here, without a call. `client_ref` travels as
    OutId and comes back in the delivery report.
    """

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
        self._session = session
        self._owns_session = session is None

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`address` is E.164; mainland numbers only."""
        refusal = self._check(address, message)
        if refusal is not None:
            return refusal
        template = self._templates.by_code(message.template_code) if self._templates else None
        query = {
            "PhoneNumbers": national(address),
            "SignName": template.sign if template else self.account.sign,
            "TemplateCode": message.template_code,
            "OutId": client_ref[:255],
        }
        if message.variables:
            query["TemplateParam"] = orjson.dumps(message.variables).decode()
        return _send_result(await self.call("SendSms", query))

    async def query_details(self, address: str, day: str, vendor_id: str = "") -> list[dict[str, Any]] | None:
        """QuerySendDetails: what became of the messages to `address` on `day` (`20261122`, UTC+8); `None`
        when it failed.

        Each is the vendor's own object: `OutId`, `SendStatus` (1 waiting, 2 failed, 3 delivered), `ErrCode`….
        """
        query = {"PhoneNumber": national(address), "SendDate": day, "PageSize": "50", "CurrentPage": "1"}
        if vendor_id:
            query["BizId"] = vendor_id
        answer = await self.call("QuerySendDetails", query)
        if not isinstance(answer, _Answer) or answer.status != 200 or answer.body.get("Code") != "OK":
            return None
        details = (answer.body.get("SmsSendDetailDTOs") or {}).get("SmsSendDetailDTO") or []
        return [detail for detail in details if isinstance(detail, dict)]

    async def call(self, action: str, query: dict[str, str]) -> _Answer | SendResult:
        """One signed RPC call; a `SendResult` when there is no answer to read."""
        base = urlsplit(self.account.base_url)
        text = canonical_query(query)
        headers = {
            "host": base.netloc,
            "x-acs-action": action,
            "x-acs-content-sha256": EMPTY_BODY,
            "x-acs-date": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": VERSION,
        }
        path = base.path.rstrip("/") + "/"
        headers["Authorization"] = authorization(
            self.account.access_key_id,
            self.account.access_key_secret,
            "POST",
            path,
            text,
            headers,
            EMPTY_BODY,
        )
        url = URL(f"{base.scheme}://{base.netloc}{path}?{text}", encoded=True)
        try:
            async with self._http().post(url, headers=headers, allow_redirects=False) as response:
                body = await response.content.read(MAX_ANSWER)
                while not response.content.at_eof() and len(body) < MAX_ANSWER:
                    body += await response.content.read(MAX_ANSWER)
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return SendResult(Outcome.RETRY, code="not_sent", detail=type(error).__name__, retry_after=5)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return SendResult(Outcome.UNCERTAIN, code="unclear", detail=type(error).__name__)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("Code"), str):
            if status in (429, 503):
                return SendResult(Outcome.RETRY, code=str(status), detail=f"HTTP {status}", retry_after=5)
            if 300 <= status < 500 and status != 408:
                return _refused(str(status), f"HTTP {status}")
            return SendResult(Outcome.UNCERTAIN, code="unclear", detail=f"HTTP {status} without a code")
        return _Answer(status, answer)

    async def close(self) -> None:
        if self._session is not None and self._owns_session:
            await self._session.close()
            self._session = None

    def _check(self, address: str, message: Rendered) -> SendResult | None:
        if not message.template_code:
            return _refused("template_required", "only approved templates can be sent")
        if not address.startswith("+861"):
            return _refused("number_not_supported", "mainland mobile numbers only")
        if self._templates is None:
            return None
        template = self._templates.by_code(message.template_code)
        if template is None:
            return _refused("template_unknown", message.template_code)
        findings = template.problems_with(message.variables)
        if findings:
            where = ", ".join(f"{finding.problem} {finding.where}".strip() for finding in findings)
            return _refused("template_problem", where)
        return None

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=KEEPALIVE)
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session


def _refused(code: str, detail: str) -> SendResult:
    return SendResult(Outcome.REFUSED, code=code, detail=detail, next_rung=True)


_WAITS = {"isp.SYSTEM_ERROR": 5.0, "Throttling.User": 2.0, "Throttling": 2.0, "isv.DAY_LIMIT_CONTROL": 3600.0}
"""Seconds to wait before another try; ours."""
_STOP = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.MOBILE_BLACK"})
"""This number takes nothing, now and later."""
_ALERT_PREFIXES = (
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "isp.RAM",
    "isv.OUT_OF_SERVICE",
    "isv.SMS_",
    "isv.SIGN_",
)


def _send_result(answer: _Answer | SendResult) -> SendResult:
    if isinstance(answer, SendResult):
        return answer
    code, detail = str(answer.body["Code"]), str(answer.body.get("Message", ""))[:300]
    if code == "OK" and answer.status == 200:
        return SendResult(Outcome.ACCEPTED, vendor_id=str(answer.body.get("BizId", "")), code=code)
    if answer.status >= 500:
        return SendResult(Outcome.UNCERTAIN, code=code, detail=f"HTTP {answer.status}")
    if code.startswith(_ALERT_PREFIXES):
        log.error("aliyun refused a message", extra={"code": code})
    if code == "isv.BUSINESS_LIMIT_CONTROL":
        return SendResult(
            Outcome.RETRY, code=code, detail=detail, retry_after=_limit_wait(detail), next_rung=True
        )
    if code in _WAITS:
        return SendResult(Outcome.RETRY, code=code, detail=detail, retry_after=_WAITS[code], next_rung=True)
    return SendResult(Outcome.REFUSED, code=code, detail=detail, next_rung=True, stop_contact=code in _STOP)


def _limit_wait(detail: str) -> float:
    """ "触发小时级流控Permits:5" and its like: as long as the level that was hit."""
    if "分钟" in detail:
        return 60.0
    return 3600.0 if "小时" in detail else 86400.0
