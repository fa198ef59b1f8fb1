"""The desk's live line: what changed is told once to everybody, by one look for all; it ends with the sign-in and the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import delete

from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.desk import service as desk
from care.desk.live import Live
from care.desk.looks import LOOKS
from care.desk.models import TaskKind
from care.desk.pages import stream
from care.desk.pages.desk import Desk
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.ops.site import staff
from tests.channels.simulator.serving import serve
from tests.factories.messages import WECHAT, conversation
from web.shell import install_shell
from web.signin.models import Role, StaffSession
from web.signin.pages import SESSION_COOKIE, signin_router


async def test_each_look_tells_what_changed(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock, WECHAT)
    live = Live(database, LOOKS)
    with live.listening() as one, live.listening() as other:
        assert await live.look() == ["alerts", "conversations", "tasks"], "what came while the page was made"
        assert await live.look() == []
        async with database.write() as session:
            await desk.take(session, talk.id, staff_id=new_id(), now=clock.now())
        assert await live.look() == ["conversations"]
        async with database.write() as session:
            await desk.open_task(session, TaskKind.CALL, dedup_key="c", now=clock.now(), due_at=clock.now())
            await alerts.open_alert(session, AlertKind.CRISIS, text="x", inbound_id=new_id(), now=clock.now())
        assert await live.look() == ["alerts", "tasks"]
        assert await live.look() == []
        for listener in (one, other):
            assert await listener.wait(0) == ["alerts", "conversations", "tasks"]
            assert await listener.wait(0) == []


@asynccontextmanager
async def listening(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[FastAPI, Live, aiohttp.ClientSession]]:
    """The stream on a real port, asked by a nurse; `app.state.stops` stops the server."""
    monkeypatch.setattr(stream, "BEAT", 0.05)
    monkeypatch.setattr(stream, "LOOK_UP", 0.02)
    monkeypatch.setattr(stream, "ASK_AGAIN", 0.1)
    live = Live(database, LOOKS, every=0.02)
    app = FastAPI()
    app.state.stops = asyncio.Event()
    app.state.stopping = app.state.stops.is_set
    app.state.database, app.state.clock, app.state.rate_storage_url = database, clock, "memory://"
    install_shell(app)
    app.include_router(signin_router())
    router = APIRouter(prefix="/desk")
    stream.add_routes(router, Desk(database, clock), live)
    app.include_router(router)
    tokens = await staff(database, Role.NURSE)
    running = asyncio.create_task(live.run())
    headers = {"Cookie": f"{SESSION_COOKIE}={tokens['nurse']}", "Accept": "text/event-stream"}
    try:
        async with (
            serve(app) as url,
            aiohttp.ClientSession(url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield app, live, http
    finally:
        running.cancel()


async def until_event(answer: aiohttp.ClientResponse, name: str) -> None:
    async with asyncio.timeout(30):
        async for line in answer.content:
            if line.decode().strip() == f"event: {name}":
                return
    raise AssertionError(f"the stream ended without {name}")


async def test_the_stream_tells_and_ends_with_the_sign_in(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(database, clock, monkeypatch) as (_, live, http), http.get("/desk/live") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        await until_event(answer, "beat")
        await live.look()
        async with database.write() as session:
            await desk.open_task(session, TaskKind.CALL, dedup_key="c", now=clock.now(), due_at=clock.now())
        await until_event(answer, "tasks")
        await until_event(answer, "beat")
        async with database.write() as session:
            await session.execute(delete(StaffSession))
        await until_event(answer, "over")
        assert await answer.content.read() is not None, "and it ends"


async def test_the_stream_ends_when_the_server_stops(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(database, clock, monkeypatch) as (app, _, http), http.get("/desk/live") as answer:
        await until_event(answer, "beat")
        app.state.stops.set()
        async with asyncio.timeout(30):
            await answer.content.read()
