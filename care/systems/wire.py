"""One HTTP request to a hospital's system: what came back, or whether it can have been heard at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from care.systems.port import Outcome, SystemAway, Unclear, Unreachable

LARGEST = 20 * 1024 * 1024
"""Bytes of an answer; a page of times is a few hundred kilobytes."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_NOT_TAKEN = (401, 403, 429)
"""Refused before it was looked at: who we are, or how often we come."""
_LATE = (408, 425)


class NotSaid(RuntimeError):
    """No usable answer. `outcome`: what that means for something that was told."""

    def __init__(self, outcome: Unclear | Unreachable) -> None:
        super().__init__(outcome.reason)
        self.outcome: Outcome = outcome

    @property
    def away(self) -> SystemAway:
        """The same for something that was only read."""
        outcome = self.outcome
        assert isinstance(outcome, Unclear | Unreachable)
        return SystemAway(outcome.reason, outcome.said)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises `NotSaid` for what is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise NotSaid(Unclear("not_understood", self.body[:200].decode("utf-8", "replace"))) from None


async def send(client: httpx2.AsyncClient, method: str, url: str, **how: Any) -> Answer:
    """Raises `NotSaid`: `Unreachable` where the system cannot have acted on it, `Unclear` otherwise."""
    try:
        async with client.stream(method, url, **how) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise NotSaid(Unclear("too_large"))
            answer = Answer(response.status_code, response.headers, bytes(body))
    except _NOT_SENT as error:
        raise NotSaid(Unreachable("unreachable", type(error).__name__)) from error
    except httpx2.TimeoutException as error:
        raise NotSaid(Unclear("no_answer")) from error
    except httpx2.HTTPError as error:
        raise NotSaid(Unclear("broken_off", type(error).__name__)) from error
    if answer.status in _NOT_TAKEN:
        raise NotSaid(Unreachable("busy" if answer.status == 429 else "denied", f"HTTP {answer.status}"))
    if 300 <= answer.status < 400:  # a portal's or a gateway's page to sign in, not the system
        raise NotSaid(Unclear("not_understood", f"HTTP {answer.status}"))
    if answer.status in _LATE:
        raise NotSaid(Unclear("no_answer", f"HTTP {answer.status}"))
    if answer.status >= 500:
        raise NotSaid(Unclear("broken", f"HTTP {answer.status}"))
    return answer
