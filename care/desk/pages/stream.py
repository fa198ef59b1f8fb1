"""`GET /desk/live`: server-sent events. `alerts`, `calls`, `conversations` and `tasks` say that something of the kind changed; `beat` comes
every few seconds while all is well; `over` says that the sign-in has ended, or the server stops.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from care.desk.live import Live
from care.desk.pages.desk import Desk, Nurse
from store.clock import real_now
from web.signin import service
from web.signin.cookies import SESSION_COOKIE
from web.signin.rules import rules_of

BEAT = 5.0
"""Seconds between heartbeats: the page takes the line for lost after three of them (`web/frontend/desk/live.js`)."""
ASK_AGAIN = 20.0
"""Seconds after which it is asked whether the sign-in still stands."""
LOOK_UP = 1.0
"""Seconds in which a stream notices that the server stops."""


def add_routes(router: APIRouter, desk: Desk, live: Live) -> None:
    """`/desk/live`."""

    @router.get("/live")
    async def stream(request: Request, _staff: Nurse) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(told(request, desk, live), media_type="text/event-stream", headers=headers)


async def told(request: Request, desk: Desk, live: Live) -> AsyncIterator[str]:
    """The stream of one page, until its sign-in or the server ends."""
    stopping: Callable[[], bool] = getattr(request.app.state, "stopping", lambda: False)
    beat = asked = time.monotonic()
    with live.listening() as listener:
        yield "retry: 2000\n\n" + event("beat")
        while not stopping():
            for name in await listener.wait(LOOK_UP):
                yield event(name)
            now = time.monotonic()
            if now - asked >= ASK_AGAIN:
                asked = now
                if not await _stands(request, desk):
                    yield event("over", "signed_out")
                    return
            if now - beat >= BEAT and live.well():
                beat = now
                yield event("beat")


def event(name: str, data: str = "-") -> str:
    return f"event: {name}\ndata: {data}\n\n"


async def _stands(request: Request, desk: Desk) -> bool:
    """Whether the sign-in the page was opened with still stands; asking is not somebody doing something."""
    token, idle = request.cookies.get(SESSION_COOKIE, ""), rules_of(request.app).idle
    async with desk.database.read("desk live sign-in") as session:
        return await service.session_of(session, token, real_now(), idle) is not None
