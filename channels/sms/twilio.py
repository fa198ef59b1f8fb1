"""Twilio's Messages resource over our own client: free text, and outside mainland China.

https://www.twilio.com/docs/messaging/api/message-resource. Patients' words leave the country: `channels.sms.drivers` makes
this sender only where the hospital allows that explicitly.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from yarl import URL

from channels.chinatime import until_hour
from channels.ports import Outcome, Rendered, SendResult
from channels.sms.port import CallbackAccount, Capabilities
from channels.sms.template import count_parts, signed
from channels.sms.transport import Answer, Transport, counted, later, refused, unclear
from store.clock import Clock

log = logging.getLogger(__name__)

PUBLIC_API = "https://api.twilio.com"
TEXT_CHARS = 1600
"""Longest Body; 21617 beyond (https://www.twilio.com/docs/api/errors/21617)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount(CallbackAccount):
    """Keys of one account; it sends from `from_number` or a `messaging_service_sid`.

    `callback_base` is our own public address (`https://…`, no path): Twilio signs the exact address it calls, which a proxy
    may hide from us. `sign` may be empty.
    """

    driver: ClassVar[str] = "twilio"
    account_sid: str
    auth_token: str = field(repr=False)
    callback_base: str
    from_number: str = ""
    messaging_service_sid: str = ""
    base_url: str = PUBLIC_API

    def __post_init__(self) -> None:
        CallbackAccount.__post_init__(self)
        if not self.from_number and not self.messaging_service_sid:
            raise ValueError(
                f"SMS account {self.account_id}: needs from_number or messaging_service_sid to send from"
            )


class TwilioSender:
    """A `SmsSender` of free text: `message.text`, the signature before it. `client_ref` travels in the status callback's
    address; Twilio cannot be asked for it, so an unclear send waits for its report or a person."""

    capabilities = Capabilities(template_only=False, needs_optin_abroad=True, text_chars=TEXT_CHARS)

    def __init__(
        self, account: TwilioAccount, clock: Clock, session: aiohttp.ClientSession | None = None
    ) -> None:
        self.account = account
        self._clock = clock
        self._transport = Transport(session)

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`address` is E.164."""
        text = signed(message.text, self.account.sign)
        if not message.text:
            return refused("text_required", "no words to send")
        if len(text) > TEXT_CHARS:
            return refused("text_too_long", f"{len(text)} characters")
        form = {"To": address, "Body": text, "StatusCallback": self.status_callback(client_ref)}
        if self.account.messaging_service_sid:
            form["MessagingServiceSid"] = self.account.messaging_service_sid
        else:
            form["From"] = self.account.from_number
        return counted(self._send_result(await self._post(form)), count_parts(text))

    def status_callback(self, client_ref: str) -> str:
        secret = quote(self.account.callback_secrets[0], safe="")
        return f"{self.account.callback_base.rstrip('/')}/sms/twilio/{secret}/report?{urlencode({'ref': client_ref})}"

    async def _post(self, form: dict[str, str]) -> Answer | SendResult:
        base = urlsplit(self.account.base_url)
        path = f"{base.path.rstrip('/')}/2010-04-01/Accounts/{quote(self.account.account_sid, safe='')}/Messages.json"
        keys = base64.b64encode(f"{self.account.account_sid}:{self.account.auth_token}".encode()).decode()
        headers = {"Authorization": f"Basic {keys}", "Content-Type": "application/x-www-form-urlencoded"}
        url = URL(f"{base.scheme}://{base.netloc}{path}", encoded=True)
        return await self._transport.call(
            "POST", url, headers, urlencode(form).encode(), understood=_understood
        )

    async def close(self) -> None:
        await self._transport.close()

    def _send_result(self, answer: Answer | SendResult) -> SendResult:
        if isinstance(answer, SendResult):
            return answer
        body, code = answer.body, _code(answer.body)
        if 200 <= answer.status < 300 and body.get("sid") and str(body.get("status")) not in FAILED:
            parts = str(body.get("num_segments") or "")
            return SendResult(
                Outcome.ACCEPTED,
                vendor_id=str(body["sid"]),
                code=str(body.get("status", "")),
                parts=int(parts) if parts.isdecimal() else 0,
            )
        detail = str(body.get("message") or body.get("error_message") or f"HTTP {answer.status}")
        if answer.status >= 500:
            return unclear(code, f"HTTP {answer.status}")
        if code in ALERTS:
            log.error("twilio refused a message", extra={"code": code, "account": self.account.account_id})
        if code == DAILY_LIMIT:
            return later(code, detail, until_hour(self._clock.now(), 0))
        if code in WAITS or answer.status == 429:
            return later(code, detail, WAITS.get(code, 2.0))
        return refused(code, detail, stop=code in STOPS, stop_account=code in ACCOUNT)


# Codes: https://www.twilio.com/docs/api/errors
FAILED = frozenset({"failed", "undelivered", "canceled"})
WAITS = {"20429": 2.0, "14107": 2.0, "21611": 60.0, "30001": 60.0}
"""Too many requests; the sender's queue is full. Seconds are ours."""
DAILY_LIMIT = "63038"
STOPS = frozenset({"21610", "21211", "21214", "21217", "21614"})
"""Unsubscribed (21610), no valid or no mobile number: this address takes nothing, now and later."""
ACCOUNT = frozenset({"20003", "20005", "20008", "21212", "21603", "21606", "21659", "21660", "30002"})
"""Wrong keys (20003) or test keys (20008), an account not active (20005) or suspended (30002), a sender that is missing (21603),
no number (21212), cannot send SMS (21606), is not Twilio's (21659) or another account's (21660): nothing of it leaves until a
person has looked."""
ALERTS = ACCOUNT | {"21408", "21608", DAILY_LIMIT}
"""Keys, account, permission for a region, sending number: every message suffers, people must look."""


def _understood(answer: dict[str, Any]) -> bool:
    return isinstance(answer.get("sid"), str) or isinstance(answer.get("code"), int)


def _code(body: dict[str, Any]) -> str:
    return str(body.get("error_code") or body.get("code") or "")
