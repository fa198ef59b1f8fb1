"""A WeChat line whose media worker downloads from the simulator, with small real servers for scanner and speech-to-text."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from fastapi import FastAPI
from sqlalchemy import select

from bot.conversation import ConversationHandler
from bot.engine_client import EngineClient
from bot.worker import InboxWorker
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.media.hearing import HttpTranscriber
from channels.media.models import MediaItem
from channels.media.scan import Clamd
from channels.media.vault import Vault
from channels.media.worker import MediaWorker, Policy
from channels.simulator.wechat import WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from channels.wechat.client import WeChatClient
from server.people import CarePeople
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from tests.factories.engine import EngineSurface, engine_surface

WANG = "oTest_0000000000000001"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(200)
AMR = b"#!AMR\n" + bytes(200)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(200)


class Speech:
    """The hospital's speech-to-text service: `answers` in turn (a body, a status, seconds of silence), then `{"text": …}`."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any] | int | str | float] = []
        self.heard: list[tuple[bytes, str, str]] = []
        self.url = ""

    async def _hear(self, request: web.Request) -> web.Response:
        self.heard.append(
            (await request.read(), request.content_type, request.headers.get("Authorization", ""))
        )
        answer = self.answers.pop(0) if self.answers else {"text": "我想约明天上午的眼科", "confidence": 0.9}
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.json_response({"text": "太晚了"})
        if isinstance(answer, int):
            return web.Response(status=answer, text="no")
        if isinstance(answer, str):
            return web.Response(text=answer)
        return web.json_response(answer)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Speech]:
        app = web.Application()
        app.router.add_post("/hear", self._hear)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hear"  # type: ignore[attr-defined]
        try:
            yield self
        finally:
            await runner.cleanup()


class ClamdServer:
    """clamd's INSTREAM on a real socket: `says` is its verdict."""

    def __init__(self, says: str = "stream: OK") -> None:
        self.says = says
        self.scanned: list[bytes] = []
        self.address = ""

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack("!I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(size)
        self.scanned.append(content)
        writer.write(self.says.encode() + b"\0")
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[ClamdServer]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()


@dataclass
class MediaHouse:
    """The line. `settle` does everything that is due, on both workers."""

    database: Database
    clock: VirtualClock
    sim: WeChatSimulator
    inbox_worker: InboxWorker
    media: MediaWorker
    engine: EngineSurface
    folder: Path
    speech: Speech = field(default_factory=Speech)

    async def settle(self) -> None:
        while await self.inbox_worker.run_once() or await self.media.run_once():
            pass

    async def items(self) -> list[MediaItem]:
        async with self.database.read() as session:
            return list(await session.scalars(select(MediaItem).order_by(MediaItem.created_at)))

    async def item(self) -> MediaItem:
        [one] = await self.items()
        return one

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@asynccontextmanager
async def media_house(
    database: Database,
    clock: VirtualClock,
    people: CarePeople,
    folder: Path,
    *,
    hears: bool = False,
    clamd: str = "",
    policy: Policy | None = None,
    timeout: float = 2.0,
    change: Callable[[WeChatSimulator], None] = lambda sim: None,
) -> AsyncIterator[MediaHouse]:
    app = FastAPI()
    async with serve(app) as ours, engine_surface() as engine, Speech().up() as speech:
        config = SimWeChatConfig(appid="wx1", secret="s1", token="t1", mode="plain", followers=(WANG,))
        simulator = create_wechat_simulator(config, f"{ours}/wx/hospital", clock=clock)
        change(simulator.state.sim)
        async with serve(simulator) as vendor:
            account = WeChatAccount("hospital", "wx1", "s1", ("t1",), mode="plain", base_url=vendor)
            inbox = Inbox(database, clock, Spool(folder / "spool"))
            app.include_router(callback_router({"hospital": account}, inbox, clock))
            client = WeChatClient(account, clock)
            asked = EngineClient(f"http://127.0.0.1:{engine.port}")
            handler = ConversationHandler(database, clock, asked, people, hears=hears)
            media = MediaWorker(
                database,
                clock,
                {"hospital": client},
                Vault(folder / "media"),
                policy or Policy(),
                scanner=Clamd(clamd, timeout=2) if clamd else None,
                transcriber=HttpTranscriber(speech.url, "let-me-in", timeout) if hears else None,
            )
            worker = InboxWorker(database, clock, handler, people)
            yield MediaHouse(
                database, clock, simulator.state.sim, worker, media, engine, folder / "media", speech
            )
            await media.close()
            await client.close()
            await asked.close()
