"""One HTTP call to an SMS vendor, and what is known when no answer can be read: not sent, refused, or unclear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
from yarl import URL

from channels.ports import Outcome, SendResult

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2, sock_connect=2, sock_read=5)
KEEPALIVE = 4.0
CONNECTIONS = 256
"""At one vendor at most, kept alive between messages; how many are really used, the delivery's concurrency decides. A message
that waited for one would lose its time to connect."""
MAX_ANSWER = 64 * 1024
BUSY_WAIT = 5.0
"""Seconds before another try when the vendor cannot be reached or is too busy; ours."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The vendor's JSON object and its HTTP status."""

    status: int
    body: dict[str, Any]


class Transport:
    """Connections to one vendor. A session that was handed in is not closed."""

    def __init__(self, session: aiohttp.ClientSession | None = None) -> None:
        self._session = session
        self._owns_session = session is None

    async def call(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        data: bytes | None = None,
        *,
        understood: Callable[[dict[str, Any]], bool],
    ) -> Answer | SendResult:
        """A `SendResult` when there is no answer to read: nothing, no JSON object, or none that is `understood`."""
        try:
            async with self._http().request(
                method, url, headers=headers, data=data, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                body = await response.content.read(MAX_ANSWER)
                while not response.content.at_eof() and len(body) < MAX_ANSWER:
                    body += await response.content.read(MAX_ANSWER)
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return SendResult(
                Outcome.RETRY, code="not_sent", detail=type(error).__name__, retry_after=BUSY_WAIT
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return SendResult(Outcome.UNCERTAIN, code="unclear", detail=type(error).__name__)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if isinstance(answer, dict) and understood(answer):
            return Answer(status, answer)
        if status in (429, 503):
            return SendResult(Outcome.RETRY, code=str(status), detail=f"HTTP {status}", retry_after=BUSY_WAIT)
        if 300 <= status < 500 and status != 408:
            return refused(str(status), f"HTTP {status}")
        return SendResult(Outcome.UNCERTAIN, code="unclear", detail=f"HTTP {status} without a code")

    async def close(self) -> None:
        if self._session is not None and self._owns_session:
            await self._session.close()
            self._session = None

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEPALIVE)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session


def refused(code: str, detail: str, *, stop: bool = False, stop_account: bool = False) -> SendResult:
    """Not sent and never will be: try another rung. `stop`: this address takes nothing any more; `stop_account`: nor does the
    account send anything until a person has looked."""
    return SendResult(
        Outcome.REFUSED,
        code=code,
        detail=detail[:300],
        next_rung=True,
        stop_contact=stop,
        stop_channel=stop_account,
    )


def later(code: str, detail: str, seconds: float) -> SendResult:
    """Not sent; may be tried again after `seconds`, or another rung at once."""
    return SendResult(Outcome.RETRY, code=code, detail=detail[:300], retry_after=seconds, next_rung=True)


def counted(result: SendResult, parts: int) -> SendResult:
    """With `parts` as our own count, where something left or may have and the vendor has not said how many."""
    left = result.outcome in (Outcome.ACCEPTED, Outcome.UNCERTAIN)
    return replace(result, parts=parts) if left and not result.parts else result


def unclear(code: str, detail: str) -> SendResult:
    """It may have left."""
    return SendResult(Outcome.UNCERTAIN, code=code, detail=detail[:300])
