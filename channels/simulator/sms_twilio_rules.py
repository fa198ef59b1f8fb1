"""What the Twilio stand-in enforces: numbers, text, opt-outs, limits. No I/O.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/api/errors,
https://help.twilio.com/articles/223134027 (opt-out words).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from channels.simulator.sms_handsets import parts_of
from channels.simulator.sms_windows import DAY, Windows
from store.clock import Clock

_E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class SimTwilioConfig:
    """One simulated account. `up_url` is the webhook of its number, as configured in the console. Demonstration secrets."""

    up_url: str = ""
    accounts: Mapping[str, str] = field(
        default_factory=lambda: {"AC" + "0" * 32: "demo-auth-token"}, repr=False
    )
    """Account SID → auth token."""
    numbers: tuple[str, ...] = ("+15005550006",)
    """Numbers to send from."""
    messaging_services: tuple[str, ...] = ("MG" + "0" * 32,)
    unreachable_regions: tuple[str, ...] = ()
    """Prefixes the account may not write to (21408)."""
    text_chars: int = 1600
    messages_per_second: int = 100
    """Then 20429; Twilio's own figure depends on the number's kind [M]."""
    daily_cap: int = 0
    """Messages of the account in 24 h, then 63038; 0 is none."""
    stop_words: tuple[str, ...] = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT")
    start_words: tuple[str, ...] = ("START", "YES", "UNSTOP")
    receipt_delay: float = 0.5
    push_timeout: float = 15.0
    push_retries: tuple[float, ...] = ()
    """Twilio does not repeat a webhook that answered."""
    off_code: str = "30003"
    blocked_code: str = "30004"
    keyword_code: str = "30007"
    """https://www.twilio.com/docs/api/errors: unreachable handset, blocked, filtered."""


class TwilioRefusal(Exception):
    """`code` and `message` of an error body; `status` is the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(str(code))
        self.code, self.message, self.status = code, message, status


@dataclass(slots=True)
class TwilioSent:
    """One message. `status` moves on: queued, sent, delivered or undelivered."""

    sid: str
    account_sid: str
    to: str
    sender: str
    service: str | None
    text: str
    parts: int
    callback: str
    at: datetime
    status: str = "queued"
    error: int | None = None


class TwilioRules:
    """State and decisions of one account; what is refused raises `TwilioRefusal`."""

    def __init__(self, config: SimTwilioConfig, clock: Clock) -> None:
        self.config, self._clock = config, clock
        self._windows = Windows()
        self.sent: dict[str, TwilioSent] = {}
        self.opted_out: set[str] = set()

    def send(self, account_sid: str, form: Mapping[str, str]) -> TwilioSent:
        to, text = form.get("To", ""), form.get("Body", "")
        service, sender = form.get("MessagingServiceSid", ""), form.get("From", "")
        if not to:
            raise TwilioRefusal(21604, "A 'To' phone number is required.")
        if not _E164.fullmatch(to):
            raise TwilioRefusal(21211, f"The 'To' number {to} is not a valid phone number.")
        if not text:
            raise TwilioRefusal(21602, "Message body is required.")
        if len(text) > self.config.text_chars:
            raise TwilioRefusal(21617, "The concatenated message body exceeds the 1600 character limit.")
        if service and service not in self.config.messaging_services:
            raise TwilioRefusal(21701, "The Messaging Service resource does not exist.")
        if not service and not sender:
            raise TwilioRefusal(21603, "A 'From' phone number is required.")
        sender = sender or self.config.numbers[0]
        if sender not in self.config.numbers:
            raise TwilioRefusal(
                21606, f"The From phone number {sender} is not a valid sender for this account."
            )
        if to.startswith(self.config.unreachable_regions):
            raise TwilioRefusal(21408, "Permission to send an SMS has not been enabled for the region.")
        if to in self.opted_out:
            raise TwilioRefusal(21610, "Attempt to send to unsubscribed recipient")
        now = self._clock.now()
        stamp = now.timestamp()
        if self._windows.used(("account",), 1.0, stamp) >= self.config.messages_per_second:
            raise TwilioRefusal(20429, "Too Many Requests", 429)
        if self.config.daily_cap and self._windows.used(("account",), DAY, stamp) >= self.config.daily_cap:
            raise TwilioRefusal(63038, "Account exceeded the daily message limit", 429)
        self._windows.count([("account",)], stamp)
        sid = "SM" + secrets.token_hex(16)
        message = TwilioSent(
            sid,
            account_sid,
            to,
            sender,
            service or None,
            text,
            segments(text),
            form.get("StatusCallback", ""),
            now,
        )
        self.sent[sid] = message
        return message

    def heard(self, number: str, text: str) -> None:
        """A patient's word; the vendor keeps opt-outs by itself."""
        word = text.strip().upper()
        if word in self.config.stop_words:
            self.opted_out.add(number)
        elif word in self.config.start_words:
            self.opted_out.discard(number)


def segments(text: str) -> int:
    """Parts charged: 160 or 153 characters of plain Latin text, else as UCS-2."""
    if text.isascii():
        return 1 if len(text) <= 160 else -(-len(text) // 153)
    return parts_of(text)
