"""Who never finishes sending a body does not hold a public route's connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from channels.sms import callback as sms
from channels.sms.aliyun import AliyunAccount
from channels.sms.aliyun_push import AliyunCallbacks
from channels.wechat import callback as wechat
from channels.wechat.account import WeChatAccount
from store.clock import VirtualClock
from tests.channels.simulator.serving import House

SECRET = "s" * 24


async def _dribble(app: FastAPI, path: str) -> int:
    """The status answered to a body that never ends."""
    answered: list[int] = []
    pieces = iter([{"type": "http.request", "body": b"<xml>", "more_body": True}])

    async def receive() -> dict[str, Any]:
        if (piece := next(pieces, None)) is not None:
            return piece
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    await asyncio.wait_for(app(scope, receive, send), 10)
    return answered[0]


async def test_a_body_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wechat, "HARD_STOP", 0.05)
    monkeypatch.setattr(sms, "READ_STOP", 0.05)
    house, app, clock = House(), FastAPI(), VirtualClock()
    account = WeChatAccount("main", "wxapp", "app-secret", ("token",), mode="plain")
    app.include_router(wechat.callback_router({"main": account}, house, clock))
    aliyun = AliyunAccount(
        account_id="aliyun",
        sign="医院",
        access_key_id="id",
        access_key_secret="key",
        callback_secrets=(SECRET,),
    )
    app.include_router(sms.callback_router({"aliyun": [AliyunCallbacks(aliyun, clock)]}, house, house))
    assert await _dribble(app, "/wx/main") == 408
    assert await _dribble(app, f"/sms/aliyun/{SECRET}/up") == 408
