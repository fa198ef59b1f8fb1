"""The staff's pages around WeChat on a real port, with the simulator as the vendor behind them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from fastapi import FastAPI

from bot.shortcuts import MENU
from care.binding.pages import qr_router
from channels.simulator.wechat import WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.client import WeChatClient
from channels.wechat.console.live import LiveConsole
from channels.wechat.console.pages import ConsoleDesk, console_router
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from web.shell import install_shell
from web.signin.models import Role
from web.signin.pages import signin_router
from web.signin.service import create_user

STAFF = {
    "nurse": ("张护士", [Role.NURSE]),
    "operator": ("陈运营", [Role.OPERATOR]),
    "editor": ("刘编辑", [Role.EDITOR]),
    "doctor": ("周医生", [Role.DOCTOR]),
}
PASSWORD = "a-long-password"
WELCOME = "您好，我是云江市示范医院的智能助手。"


@dataclass
class StaffSite:
    """`browser` is one browser; sign in with `sign_in`."""

    url: str
    sim: WeChatSimulator
    client: WeChatClient
    live: LiveConsole
    desk: ConsoleDesk
    database: Database
    clock: VirtualClock

    @asynccontextmanager
    async def browser(self, who: str = "") -> AsyncIterator[Browser]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, headers={"Accept": "text/html"}) as http:
            browser = Browser(http)
            if who:
                await browser.sign_in(who)
            yield browser


@dataclass
class Browser:
    http: aiohttp.ClientSession
    csrf: str = ""

    async def sign_in(self, who: str) -> None:
        page = await self.get("/sign-in")
        form = {"username": who, "password": PASSWORD, "next": "/", "csrf_token": self.csrf}
        assert page[0] == 200
        async with self.http.post("/sign-in", data=form, allow_redirects=False) as answer:
            assert answer.status == 303

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(path, allow_redirects=False) as answer:
            text = await answer.text()
            if found := re.search(r'name="csrf-token" content="([^"]+)"', text):
                self.csrf = found[1]
            return answer.status, text

    async def post(self, path: str, **form: str) -> tuple[int, str, str]:
        """Status, body, and where it leads."""
        data = {**form, "csrf_token": self.csrf}
        async with self.http.post(path, data=data, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"X-CSRF-Token": self.csrf, "Accept": "application/json"}
        async with self.http.request(method, path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def staff_site(database: Database, clock: VirtualClock, **config: Any) -> AsyncIterator[StaffSite]:
    given: dict[str, Any] = {"appid": "wx1", "secret": "s1", "token": "t1", "mode": "plain"}
    simulator = create_wechat_simulator(
        SimWeChatConfig(**{**given, **config}), "http://127.0.0.1:9/none", clock=clock
    )
    async with serve(simulator) as vendor:
        account = WeChatAccount("hospital", "wx1", "s1", ("t1",), mode="plain", base_url=vendor)
        client = WeChatClient(account, clock)
        live = LiveConsole(database)
        app = FastAPI()
        app.state.database, app.state.clock = database, clock
        app.state.hospital_name, app.state.rate_storage_url = "云江市示范医院", "memory://"
        install_shell(app)
        app.include_router(signin_router())
        clients = {"hospital": client}
        desk = ConsoleDesk(database, clock, clients, live, frozenset(MENU), WELCOME)
        app.include_router(console_router(desk))
        app.include_router(qr_router(database, clock, clients))
        async with database.write("staff") as session:
            for username, (name, roles) in STAFF.items():
                await create_user(
                    session, username=username, display_name=name, password=PASSWORD, roles=roles
                )
        async with serve(app) as url:
            yield StaffSite(url, simulator.state.sim, client, live, desk, database, clock)
        await client.close()
