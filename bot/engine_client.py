"""Asking Rasa. The only place that knows its HTTP surface."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import orjson
from prometheus_client import Histogram

from channels.reply import Reply
from store.database import assert_no_session

TURN_SECONDS = Histogram("banyi_engine_turn_seconds", "Seconds the engine took for a turn")


class EngineUnavailable(RuntimeError):
    """Rasa does not answer, or not in time. The message waits; nothing is lost."""


class EngineError(EngineUnavailable):
    """Rasa is there and answers this very message with an error. Perhaps it will not next time; perhaps it always will."""


class EmptyTurn(RuntimeError):
    """Rasa answered without saying anything: an action failed. The turn may be given again."""


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """How the message was understood and what is said to it."""

    intent: str
    confidence: float
    replies: tuple[Reply, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """How a text would be understood; nothing has been said to the engine with it."""

    intent: str
    confidence: float


class EngineClient:
    """`base_url` of the Rasa server; `timeout` in seconds for a whole turn."""

    def __init__(self, base_url: str, timeout: float = 4.0) -> None:
        self._url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=1.0)
        self._session: aiohttp.ClientSession | None = None

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(timeout=self._timeout, connector=connector)
        return self._session

    async def turn(
        self, engine_id: UUID, text: str, metadata: dict[str, Any], *, retry: bool, fresh: bool = False
    ) -> EngineAnswer:
        """Give one turn. Raises `EngineUnavailable` or `EmptyTurn`."""
        assert_no_session("the engine is asked")
        body = {"sender": str(engine_id), "text": text, "metadata": metadata, "retry": retry, "fresh": fresh}
        with TURN_SECONDS.time():
            answer = await self._post("/webhooks/banyi/turn", body)
        replies = tuple(Reply.from_json(raw) for raw in answer["replies"])
        if not replies:
            raise EmptyTurn(str(answer.get("intent")))
        return EngineAnswer(
            intent=str(answer.get("intent") or ""),
            confidence=float(answer.get("confidence") or 0.0),
            replies=replies,
            replayed=bool(answer.get("replayed")),
        )

    async def understand(self, texts: Sequence[str]) -> list[Understood]:
        """What each of `texts` is, without giving a turn. Raises `EngineUnavailable`."""
        assert_no_session("the engine is asked")
        answer = await self._post("/webhooks/banyi/understand", {"texts": list(texts)})
        return [
            Understood(str(one["intent"] or ""), float(one["confidence"] or 0.0)) for one in answer["heard"]
        ]

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self._http().post(
                self._url + path, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
            ) as response:
                raw = await response.read()
                if response.status == 500:
                    raise EngineError("the engine answered 500")
                if response.status != 200:
                    raise EngineUnavailable(f"the engine answered {response.status}")
                return dict(orjson.loads(raw))
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise EngineUnavailable(type(error).__name__) from error

    async def ready(self) -> bool:
        """Whether a model is loaded and the server answers."""
        try:
            async with self._http().get(
                self._url + "/status", timeout=aiohttp.ClientTimeout(total=2)
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def wait_ready(self, seconds: float) -> bool:
        """Wait until `ready`, at most `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            if await self.ready():
                return True
            await asyncio.sleep(0.25)
        return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
