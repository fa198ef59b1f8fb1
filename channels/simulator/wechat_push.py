"""Delivers pushes to the callback as WeChat does: signed, timed, repeated; then shows the patient what came
back.

The ciphers here are wechatpy's, not ours, so that a mistake of ours cannot agree with itself.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import orjson
from wechatpy.crypto import PrpCrypto

from channels.simulator.chance import Chance
from channels.simulator.faults import Faults
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.codec import CodecError, cdata, read_envelope
from store.clock import Clock

log = logging.getLogger(__name__)

TROUBLE = "该公众号提供的服务出现故障，请稍后再试"
"""What WeChat shows when no delivery was answered rightly."""


@dataclass(frozen=True, slots=True)
class PushResult:
    """`status`: `ok` answered, `failed` never answered rightly, `dropped` not pushed (MarkFail). `reply` is
    the passive reply's text, `deliveries` how often the callback was called, `detail` the last failure."""

    status: Literal["ok", "failed", "dropped"]
    reply: str = ""
    deliveries: int = 0
    detail: str = ""


class BadAnswer(Exception):
    """The callback answered 200 with something that is no answer: not repeated, the patient sees the
    error."""


class Pusher:
    """Calls `callback_url`. `clock` is what the signature's timestamp is taken from."""

    def __init__(
        self,
        config: SimWeChatConfig,
        callback_url: str,
        clock: Clock,
        faults: Faults,
        chance: Chance | None = None,
    ) -> None:
        self._chance = chance or Chance(config.seed)
        self.callback_url = callback_url
        self._config = config
        self._clock = clock
        self._faults = faults
        self._cipher = PrpCrypto(base64.b64decode(config.aes_key + "=")) if config.aes_key else None
        if self._cipher is None and config.mode != "plain":
            raise ValueError(f"mode {config.mode} needs an EncodingAESKey")
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._stopped_until = float("-inf")

    async def push(self, openid: str, fields: dict[str, Any]) -> PushResult:
        """One event or message to its end: answered, or given up after the configured number of
        deliveries."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._stopped_until:
            return PushResult("dropped", detail="MarkFail")
        late = self._faults.take({"late_push"}) if self._faults else None
        if late is not None:
            await asyncio.sleep(late.seconds(2.0))
        body, cipher = self._body(fields)
        twice = self._faults.take({"duplicate_push"}) if self._faults else None
        if twice is not None:
            first, _ = await asyncio.gather(
                self._deliver(openid, fields, body, cipher), self._deliver(openid, fields, body, cipher)
            )
            return first
        return await self._deliver(openid, fields, body, cipher)

    async def _deliver(self, openid: str, fields: dict[str, Any], body: bytes, cipher: str) -> PushResult:
        loop = asyncio.get_running_loop()
        detail = ""
        for delivery in range(1, self._config.push_deliveries + 1):
            started = loop.time()
            try:
                reply = await self._once(openid, fields, body, cipher)
            except BadAnswer as error:
                self._failed()
                return PushResult("failed", deliveries=delivery, detail=str(error))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                detail = f"{type(error).__name__} {error}".strip()
                self._failed()
            else:
                self._failures = 0
                return PushResult("ok", reply, delivery)
            if delivery < self._config.push_deliveries:
                await asyncio.sleep(max(0.0, started + self._config.push_spacing - loop.time()))
        return PushResult("failed", deliveries=self._config.push_deliveries, detail=detail)

    async def _once(self, openid: str, fields: dict[str, Any], body: bytes, cipher: str) -> str:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
            self._session = aiohttp.ClientSession(connector=connector)
        url = f"{self.callback_url}?{urlencode(self._query(openid, cipher))}"
        timeout = aiohttp.ClientTimeout(total=self._config.push_timeout)
        content_type = "text/xml" if self._config.envelope == "xml" else "application/json"
        slow = self._faults.take({"slow_push"}) if self._faults else None
        sent = body if slow is None else _dripping(body, slow.seconds(1.0))
        async with self._session.post(
            url, data=sent, headers={"Content-Type": content_type}, timeout=timeout, allow_redirects=False
        ) as response:
            answer = await response.read()
            if response.status != 200:
                raise aiohttp.ClientPayloadError(f"HTTP {response.status}")
        return "" if answer in (b"", b"success") else self._passive(answer, fields)

    def _query(self, openid: str, cipher: str) -> dict[str, str]:
        stamp = int(self._clock.now().timestamp())
        token = self._config.token
        if self._faults:
            if self._faults.take({"stale_push"}) is not None:
                stamp -= 3600
            if self._faults.take({"bad_signature"}) is not None:
                token = "not" + token
        nonce = str(self._chance.below(2_000_000_000))
        query = {
            "signature": signature(token, str(stamp), nonce),
            "timestamp": str(stamp),
            "nonce": nonce,
            "openid": openid,
        }
        if cipher:
            query["encrypt_type"] = "aes"
            query["msg_signature"] = signature(token, str(stamp), nonce, cipher)
        return query

    def _body(self, fields: dict[str, Any]) -> tuple[bytes, str]:
        as_xml = self._config.envelope == "xml"
        plain = (to_xml(fields) if as_xml else orjson.dumps(fields)).decode()
        if self._config.mode == "plain" or self._cipher is None:
            return plain.encode(), ""
        cipher = self._cipher.encrypt(plain, self._config.appid).decode()
        outer: dict[str, Any] = {"ToUserName": fields["ToUserName"], "Encrypt": cipher}
        if self._config.mode == "compat":
            outer = fields | outer
        return (to_xml(outer) if as_xml else orjson.dumps(outer)), cipher

    def _passive(self, answer: bytes, fields: dict[str, Any]) -> str:
        """The text of a passive reply, checked as strictly as WeChat does."""
        try:
            form, reply = read_envelope(answer)
        except CodecError as error:
            raise BadAnswer(f"the answer is {error}") from None
        if form != self._config.envelope:
            raise BadAnswer(f"answered in {form}")
        if self._cipher is not None and (self._config.mode == "safe" or "Encrypt" in reply):
            given = signature(
                self._config.token,
                str(reply.get("TimeStamp")),
                str(reply.get("Nonce")),
                str(reply.get("Encrypt")),
            )
            if given != reply.get("MsgSignature"):
                raise BadAnswer("wrong MsgSignature")
            try:
                _, reply = read_envelope(self._cipher.decrypt(reply["Encrypt"], self._config.appid).encode())
            except Exception as error:
                raise BadAnswer(f"cannot decrypt: {type(error).__name__}") from None
        if (
            reply.get("ToUserName") != fields["FromUserName"]
            or reply.get("FromUserName") != fields["ToUserName"]
        ):
            raise BadAnswer("From and To are not swapped")
        if not str(reply.get("CreateTime", "")).isdecimal():
            raise BadAnswer("CreateTime is no number")
        if reply.get("MsgType") != "text":
            return f"[{reply.get('MsgType')}]"
        content = str(reply.get("Content") or "")
        if len(content.encode()) > self._config.text_bytes:
            raise BadAnswer("the reply is too long")
        return content

    def _failed(self) -> None:
        self._failures += 1
        if self._config.markfail_after and self._failures >= self._config.markfail_after:
            log.warning("wechat simulator: MarkFail, no pushes for %.0f s", self._config.markfail_seconds)
            self._stopped_until = asyncio.get_running_loop().time() + self._config.markfail_seconds
            self._failures = 0

    def reset(self) -> None:
        self._failures = 0
        self._stopped_until = float("-inf")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _dripping(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    """The body in ten pieces over `seconds`: a line so bad that reading it is an attack."""
    step = max(1, len(body) // 10)
    for start in range(0, len(body), step):
        yield body[start : start + step]
        await asyncio.sleep(seconds / 10)


def signature(*parts: str) -> str:
    """WeChat's SHA-1 over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def to_xml(fields: dict[str, Any]) -> bytes:
    """`<xml>` as WeChat writes it: numbers bare, text in CDATA, lists as repeated elements."""
    return f"<xml>{_inner(fields)}</xml>".encode("utf-8", "ignore")


def _inner(fields: dict[str, Any]) -> str:
    out = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            inner = (
                _inner(item)
                if isinstance(item, dict)
                else str(item)
                if isinstance(item, int)
                else cdata(str(item))
            )
            out.append(f"<{name}>{inner}</{name}>")
    return "".join(out)
