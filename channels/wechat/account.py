"""One WeChat account and how it is configured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from channels.wechat.codec import decode_aes_key

Mode = Literal["plain", "compat", "safe"]
AccountType = Literal["service", "subscription", "test"]

PUBLIC_API = "https://api.weixin.qq.com"
"""Main host; https://developers.weixin.qq.com/doc/service/guide/dev/ lists `api2` as the disaster-recovery
host."""
DISASTER_API = "https://api2.weixin.qq.com"

OPEN_PAGES = "https://open.weixin.qq.com"
"""Where pages send the browser to sign in; https://developers.weixin.qq.com/doc/service/api/webdev/access/api_snsaccesstoken"""


@dataclass(frozen=True, slots=True)
class WeChatAccount:
    """Keys and kind of one account.

    `account_id` is our name for it and appears in the callback's path (`/wx/{account_id}`). `tokens` and
    `aes_keys` (the 43-character EncodingAESKey) list every value accepted now, the current one first, so
    that a key can be changed without losing messages. `mode` is what the console is set to: `plain` 明文,
    `compat` 兼容, `safe` 安全. Secrets never show in `repr`.
    """

    account_id: str
    appid: str
    secret: str = field(repr=False)
    tokens: tuple[str, ...] = field(repr=False)
    aes_keys: tuple[str, ...] = field(default=(), repr=False)
    mode: Mode = "safe"
    account_type: AccountType = "service"
    base_url: str = PUBLIC_API
    fallback_url: str = ""
    open_url: str = OPEN_PAGES
    """Where pages send the browser to sign in."""
    passive_wait: float = 0.0
    """Seconds a callback waits for its answer, to give it back on the same line; WeChat cuts at 5. 4 where there are no
    customer messages, 0 or little where there are."""
    customer_messages: bool = True
    """Whether the account has the customer-service interface (verified accounts): else only a passive reply reaches WeChat."""
    keep_location: bool = False
    """Whether the hospital has asked for people's consent to LOCATION events; else they are acknowledged and dropped."""
    per_second: int = 100
    """Messages a second we send at most; ours, WeChat publishes none. 0: no limit."""
    custom_daily: int = 500_000
    template_daily: int = 100_000
    """Calls a day: customer messages, template messages. A test account has a tenth, one with many followers more.
    https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html and, for templates,
    https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html"""
    max_skew: float = 300.0
    """Seconds a callback's timestamp may differ from our clock."""

    def __post_init__(self) -> None:
        if not self.tokens or not all(self.tokens):
            raise ValueError(f"WeChat account {self.account_id}: at least one token is needed")
        if self.mode != "plain" and not self.aes_keys:
            raise ValueError(f"WeChat account {self.account_id}: mode {self.mode} needs an EncodingAESKey")
        for key in self.aes_keys:
            decode_aes_key(key)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The AES keys as 32 bytes each, current one first."""
        return tuple(decode_aes_key(key) for key in self.aes_keys)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Base URLs to try in order; the second only when no connection to the first could be made."""
        urls: Iterable[str] = (self.base_url, self.fallback_url)
        return tuple(url.rstrip("/") for url in urls if url)
