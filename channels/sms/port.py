"""What an SMS driver is: a `Sender` that states what it can do, an account, and perhaps an answer to "what became of it?"."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_network
from typing import ClassVar, Protocol, runtime_checkable

from channels.ports import Outcome, Sender

SECRET_LENGTH = 24
"""Shortest path secret: most vendors do not sign their callbacks, so the path must not be guessable."""
MAX_BODY = 256 * 1024
"""Bytes of one callback; vendors send at most 100 items."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a driver can send.

    `template_only`: approved templates with variables and nothing else; otherwise free text of up to `text_chars`.
    `needs_optin_abroad`: the words leave the country, so the hospital has to allow it explicitly. `max_params` and
    `variable_chars` bound a template's variables; 0: the vendor names no bound.
    """

    template_only: bool
    needs_optin_abroad: bool = False
    supports_status_query: bool = False
    max_params: int = 0
    variable_chars: int = 0
    text_chars: int = 0

    @property
    def free_text(self) -> bool:
        return not self.template_only


class SmsSender(Sender, Protocol):
    """A `Sender` of one SMS account."""

    @property
    def capabilities(self) -> Capabilities: ...


@runtime_checkable
class StatusQuery(Protocol):
    """A sender that can ask its vendor about a message whose fate is unknown."""

    async def resolve(self, address: str, client_ref: str, day: date) -> Outcome | None:
        """What became of `client_ref`, sent to `address` on `day` (UTC+8).

        `ACCEPTED`: the vendor has it (waiting or delivered); `REFUSED`: it failed for good; `None`: not known (yet), which
        is no permission to send again. Never raises for what a vendor or the network does.
        """
        ...


@runtime_checkable
class Connected(Protocol):
    """A sender that keeps its own connection (a carrier's gateway) and receives over it instead of by callback."""

    async def run(self) -> None:
        """Connect, serve and connect again until cancelled; without it nothing is sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsAccount:
    """One account with a vendor. `account_id` is our name of it, `sign` the approved signature without 【】."""

    driver: ClassVar[str]
    account_id: str
    sign: str
    per_second: int = 100
    """Messages a second we send at most; ours. Alibaba Cloud takes 5,000 calls a second, Tencent 3,000; a gateway what the
    carrier granted. 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAccount(SmsAccount):
    """An account that is called back over HTTP.

    `callback_secrets` are the path parts accepted, the current one first. `callback_networks` are the addresses or
    networks (CIDR) callbacks may come from; empty: any. Behind a proxy, name it in `trusted_proxies`: only then is its
    X-Forwarded-For believed. `max_body` is the size limit of one callback in bytes.
    """

    callback_secrets: tuple[str, ...] = field(repr=False)
    callback_networks: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_body: int = MAX_BODY

    def __post_init__(self) -> None:
        if not self.callback_secrets or any(len(secret) < SECRET_LENGTH for secret in self.callback_secrets):
            raise ValueError(
                f"SMS account {self.account_id}: callback secrets need {SECRET_LENGTH} or more characters"
            )
        for network in (*self.callback_networks, *self.trusted_proxies):
            ip_network(network, strict=False)
