"""Vendors in this process: senders that ask the simulators' own rules (WeChat's window and quota, SMS templates and limits), without HTTP.

What they accept is written down as a person would read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import orjson

from care.plans.machine.words import words
from channels.ports import Outcome, Rendered, SendResult
from channels.simulator.wechat_rules import Refusal, SimWeChatConfig, WeChatRules
from channels.sms.template import count_parts, signed
from channels.wechat.errors import VendorError, verdict
from channels.wechat.wording import as_text
from store.clock import Clock

_LINK = re.compile(r"https?://[\w./:?=&%#-]+")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a phone got. `ref`: the message's id."""

    at: datetime
    ref: str
    text: str


class Phones:
    """Every phone of a run. `wechat`: the account's rules; `heard`: by message id."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.wechat = WeChatRules(SimWeChatConfig(seed=1), clock)
        self.heard: dict[str, Heard] = {}

    def hear(self, ref: str, text: str) -> None:
        """Links hold tokens that are new in every run: only that there was one is kept."""
        self.heard[ref] = Heard(self.clock.now(), ref, _LINK.sub(words("text", "link"), text))

    def speaks(self, openid: str) -> None:
        """The person wrote: WeChat's window is open."""
        self.wechat.grant(self.wechat.user(openid), "message")


class WeChatHandset:
    """A `Sender` of an account whose followers are the run's phones."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        text = as_text(message)
        if message.rung:
            text = "\n".join(message.variables.values())
        else:
            payload = {"touser": address, "msgtype": "text", "text": {"content": text}}
            try:
                self._phones.wechat.custom(payload, orjson.dumps(payload))
            except Refusal as refusal:
                return verdict(VendorError(refusal.code, refusal.addition), self._phones.clock.now())
        self._phones.hear(client_ref, text)
        return SendResult(Outcome.ACCEPTED, vendor_id=client_ref, code="0", parts=1)

    async def close(self) -> None:
        return None


class SmsHandset:
    """A `Sender` whose messages all arrive. `sign`: what stands before them."""

    def __init__(self, phones: Phones, sign: str) -> None:
        self._phones, self._sign = phones, sign

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        text = signed(message.text, self._sign)
        self._phones.hear(client_ref, text)
        return SendResult(Outcome.ACCEPTED, vendor_id=client_ref, code="OK", parts=count_parts(text))

    async def close(self) -> None:
        return None
