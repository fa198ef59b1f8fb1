"""What Twilio calls back: a patient's message and the states of ours, signed.

https://www.twilio.com/docs/usage/security (signature), https://www.twilio.com/docs/messaging/guides/webhook-request (fields),
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks (states).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from channels.ports import ChannelName, Inbound, Receipt
from channels.sms.numbers import to_e164
from channels.sms.push import Parsed, Push, Unreadable, json_objects, read_each, text_of
from channels.sms.twilio import TwilioAccount
from store.clock import Clock

TEXT_LIMIT = 5000
PORTS = {"https": 443, "http": 80}
FINAL = {"delivered": True, "read": True, "undelivered": False, "failed": False}
"""States nothing follows; whether they are a success."""


class TwilioCallbacks:
    """Implements `Callbacks`. The answer is an empty TwiML document: nothing to say in return."""

    accepted = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    media_type = "text/xml"

    def __init__(self, account: TwilioAccount, clock: Clock) -> None:
        self.account = account
        self._clock = clock

    def genuine(self, push: Push) -> bool:
        url = self.account.callback_base.rstrip("/") + push.target
        return is_signed(
            self.account.auth_token,
            url,
            push.body,
            _is_json(push),
            push.headers.get("x-twilio-signature", ""),
        )

    def inbound(self, push: Push) -> Parsed[Inbound]:
        parsed: Parsed[Inbound] = Parsed()
        return read_each(_fields(push, parsed.problems), self._inbound, parsed)

    def receipts(self, push: Push) -> Parsed[Receipt]:
        parsed: Parsed[Receipt] = Parsed()
        reference = push.query.get("ref", "")[:256].replace("\x00", "")
        return read_each(_fields(push, parsed.problems), lambda item: self._receipt(item, reference), parsed)

    def _inbound(self, item: Mapping[str, Any]) -> Inbound:
        number = to_e164(text_of(item, "From", 64))
        if number is None:
            raise Unreadable("From is no number")
        sid = text_of(item, "MessageSid", 64) or text_of(item, "SmsSid", 64)
        if not sid:
            raise Unreadable("MessageSid is missing")
        return Inbound(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            address=number,
            vendor_key=f"up:{sid}",
            kind="text",
            text=text_of(item, "Body", TEXT_LIMIT),
            sent_at=self._clock.now(),
            raw=dict(item),
        )

    def _receipt(self, item: Mapping[str, Any], reference: str) -> Receipt | None:
        """`None` for a state on the way."""
        sid = text_of(item, "MessageSid", 64) or text_of(item, "SmsSid", 64)
        state = text_of(item, "MessageStatus", 32) or text_of(item, "SmsStatus", 32)
        if not sid or not state:
            raise Unreadable("MessageSid or MessageStatus is missing")
        if state not in FINAL:
            return None
        return Receipt(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            vendor_id=sid,
            client_ref=reference,
            ok=FINAL[state],
            code=text_of(item, "ErrorCode", 64) or state,
            at=self._clock.now(),
        )


def sign(auth_token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """Base64 HMAC-SHA1 over the address and the form's fields, sorted by name, each value of a name once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(auth_token.encode(), text.encode("utf-8", "replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(auth_token: str, url: str, body: bytes, is_json: bool, given: str) -> bool:
    """Whether `given` signs this call. A JSON body is covered by bodySHA256 in the address. Twilio is not of one mind
    whether a default port belongs to the address: both are accepted, as in its own validator."""
    fields: list[tuple[str, str]] = []
    if is_json:
        wanted = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
        if not hmac.compare_digest(
            hashlib.sha256(body).hexdigest(), wanted.encode("ascii", "replace").decode()
        ):
            return False
    else:
        fields = _form(body)
    return any(
        hmac.compare_digest(sign(auth_token, one, fields).encode(), given.encode("utf-8", "replace"))
        for one in _with_and_without_port(url)
    )


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or PORTS.get(parts.scheme, 443)
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return []


def _is_json(push: Push) -> bool:
    return push.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def _fields(push: Push, problems: list[str]) -> list[Mapping[str, Any]]:
    if _is_json(push):
        return json_objects(push.body, problems, single=True)
    return [dict(_form(push.body))]
