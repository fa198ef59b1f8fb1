"""The engine's HTTP surface, to provoke what the real one seldom does: down, slow, failing, silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

OK: dict[str, Any] = {
    "intent": "ask_faq",
    "confidence": 0.9,
    "replies": [{"key": "faq.answer", "params": {"answer": "八点到五点半"}, "options": []}],
    "replayed": False,
}
SILENT: dict[str, Any] = {**OK, "intent": "book_appointment", "replies": []}


class EngineSurface:
    """`answers` are given in turn, then `default`: a JSON body, a status, text that is no JSON, or seconds to keep silent.

    `when` maps a text to what it is answered each time; `heard` to what it is understood as without a turn.
    """

    def __init__(self) -> None:
        self.answers: list[dict[str, Any] | int | str | float] = []
        self.when: dict[str, dict[str, Any] | int] = {}
        self.heard: dict[str, tuple[str, float]] = {}
        self.default: dict[str, Any] = OK
        self.asked: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens elsewhere while a turn is being thought about."""
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.asked]

    async def _turn(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if self.meanwhile is not None:
            await self.meanwhile()
        answer = self.when.get(body["text"]) or (self.answers.pop(0) if self.answers else self.default)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = OK
        if isinstance(answer, int):
            return web.Response(status=answer, text="Internal Server Error")
        if isinstance(answer, str):
            return web.Response(text=answer)
        return web.json_response(answer)

    async def _understand(self, request: web.Request) -> web.Response:
        heard = [self.heard.get(text, ("out_of_scope", 0.1)) for text in (await request.json())["texts"]]
        return web.json_response({"heard": [{"intent": name, "confidence": sure} for name, sure in heard]})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"model_id": "surface"})

    async def up(self) -> None:
        app = web.Application()
        app.router.add_post("/webhooks/banyi/turn", self._turn)
        app.router.add_post("/webhooks/banyi/understand", self._understand)
        app.router.add_get("/status", self._status)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def down(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@asynccontextmanager
async def engine_surface() -> AsyncIterator[EngineSurface]:
    engine = EngineSurface()
    await engine.up()
    try:
        yield engine
    finally:
        await engine.down()
