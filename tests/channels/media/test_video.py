"""A video's second address: followed on WeChat's own hosts only, within the limit, without the token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from channels.wechat.account import WeChatAccount
from channels.wechat.client import TOO_LARGE, Unclear, WeChatClient
from store.clock import VirtualClock
from tests.channels.media.house import MP4


@asynccontextmanager
async def vendor(video_url: str = "") -> AsyncIterator[tuple[WeChatAccount, list[str]]]:
    """media/get answers with an address; what is asked there is remembered."""
    asked: list[str] = []
    base = ""

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "the-token", "expires_in": 7200})

    async def media(_: web.Request) -> web.Response:
        return web.json_response({"video_url": video_url or f"{base}/video.mp4"})

    async def video(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.Response(body=MP4, content_type="video/mp4")

    app = web.Application()
    app.router.add_post("/cgi-bin/stable_token", token)
    app.router.add_get("/cgi-bin/media/get", media)
    app.router.add_get("/video.mp4", video)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    base = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield WeChatAccount("hospital", "wx1", "s1", ("t1",), mode="plain", base_url=base), asked
    finally:
        await runner.cleanup()


async def test_a_video_is_fetched_from_its_own_address(clock: VirtualClock) -> None:
    async with vendor() as (account, asked):
        client = WeChatClient(account, clock)
        assert await client.download_media("m1") == ("video/mp4", MP4)
        assert await client.download_media("m1", limit=10) == Unclear(TOO_LARGE)
        assert asked and not any("the-token" in url for url in asked)
        await client.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://evil.example/qq.com",
        "https://evilqq.com/x",
    ],
)
async def test_no_other_host_is_asked(clock: VirtualClock, url: str) -> None:
    async with vendor(url) as (account, asked):
        client = WeChatClient(account, clock)
        answer = await client.download_media("m1")
        assert isinstance(answer, Unclear) and "not WeChat's" in answer.detail and asked == []
        await client.close()
