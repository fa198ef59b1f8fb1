"""Signing in to pages opened in WeChat, on the simulator's own authorize page and code exchange."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import select

from channels.contacts.models import Contact
from channels.simulator.wechat import WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.client import WeChatClient
from channels.wechat.models import OAuthState
from channels.wechat.oauth import (
    PATIENT_COOKIE,
    STATE_COOKIE,
    JsTickets,
    PatientSession,
    new_state,
    oauth_router,
    read_session,
    require_patient,
    seal_session,
    seal_visit,
    state_ok,
)
from channels.wechat.token import MemoryTokenStore
from channels.wechat.web import js_signature
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.simulator.serving import serve
from web.shell import install_shell

WANG, GHOST = "o-wang", "o-snapshot"


@dataclass
class Browser:
    """A phone's browser that follows one redirect at a time, so that each can be looked at."""

    http: aiohttp.ClientSession
    url: str
    sim: WeChatSimulator
    clock: VirtualClock

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        url = path if path.startswith("http") else self.url + path
        answer = await self.http.get(url, allow_redirects=False, headers={"Accept": "text/html", **headers})
        await answer.read()
        return answer

    async def start(self, next_path: str) -> str:
        """WeChat's authorize page as the account sent us there."""
        answer = await self.get(f"/oauth/hospital/start?{urlencode({'next': next_path})}")
        assert answer.status == 302
        return answer.headers["Location"]

    async def consent(self, authorize: str, openid: str = WANG) -> str:
        """In WeChat the phone knows who it is; the stand-in is told. Where WeChat sends the browser back to."""
        head, _, fragment = authorize.partition("#")
        assert fragment == "wechat_redirect"
        answer = await self.get(f"{head}&openid={openid}")
        assert answer.status == 302, await answer.text()
        return answer.headers["Location"]

    async def sign_in(self, next_path: str = "/cards", openid: str = WANG) -> aiohttp.ClientResponse:
        return await self.get(await self.consent(await self.start(next_path), openid))

    def cookie(self, name: str) -> str:
        for cookie in self.http.cookie_jar:
            if cookie.key == name:
                return cookie.value
        return ""


@asynccontextmanager
async def phone(database: Database, clock: VirtualClock) -> AsyncIterator[Browser]:
    config = SimWeChatConfig(
        appid="wx1", secret="s1", token="t1", mode="plain", followers=(WANG, GHOST), snapshot_users=(GHOST,)
    )
    simulator = create_wechat_simulator(config, "http://127.0.0.1:9/none", clock=clock)
    async with serve(simulator) as vendor:
        account = WeChatAccount(
            "hospital", "wx1", "s1", ("t1",), mode="plain", base_url=vendor, open_url=vendor
        )
        client = WeChatClient(account, clock)
        app = FastAPI()
        app.state.clock, app.state.database = clock, database
        install_shell(app)

        @app.get("/cards")
        async def cards(
            patient: Annotated[PatientSession, Depends(require_patient("hospital"))],
        ) -> dict[str, str]:
            return {"contact": str(patient.contact_id)}

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        tickets = JsTickets({"hospital": client}, MemoryTokenStore(), clock)
        app.include_router(oauth_router(database, clock, {"hospital": client}, tickets, url))
        jar = aiohttp.CookieJar(unsafe=True)
        async with serve(app, port), aiohttp.ClientSession(cookie_jar=jar) as http:
            yield Browser(http, url, simulator.state.sim, clock)
        await client.close()


async def test_a_page_leads_through_wechat_and_back(database: Database, clock: VirtualClock) -> None:
    async with phone(database, clock) as browser:
        asked = await browser.get("/cards?tab=2")
        assert (asked.status, asked.headers["Location"]) == (
            303,
            "/oauth/hospital/start?next=%2Fcards%3Ftab%3D2",
        )
        done = await browser.sign_in("/cards?tab=2")
        assert (done.status, done.headers["Location"]) == (303, "/cards?tab=2")
        cookie = SimpleCookie(done.headers["Set-Cookie"])[PATIENT_COOKIE]
        assert cookie["httponly"] and cookie["samesite"] == "lax"
        assert WANG not in cookie.value and "s1" not in cookie.value
        page = await browser.get("/cards")
        async with database.read() as session:
            contact = (await session.scalars(select(Contact))).one()
        assert await page.json() == {"contact": str(contact.id)} and contact.address == WANG


async def test_the_state_is_good_for_one_answer(database: Database, clock: VirtualClock) -> None:
    async with phone(database, clock) as browser:
        back = await browser.consent(await browser.start("/cards"))
        state = parse_qs(urlsplit(back).query)["state"][0]
        assert len(state) == 64 and state.isalnum()
        kept = browser.cookie(STATE_COOKIE)
        assert (await browser.get(back)).status == 303
        async with database.read() as session:
            stored = (await session.scalars(select(OAuthState))).one()
        assert state not in stored.state_hash
        browser.http.cookie_jar.update_cookies({STATE_COOKIE: kept})
        again = await browser.get(back)
        assert again.status == 400 and "请重新打开链接" in await again.text()


@pytest.mark.parametrize(
    "how", ["other browser", "forged", "unknown", "changed cookie", "old", "other account"]
)
async def test_a_state_that_is_not_ours_opens_nothing(
    database: Database, clock: VirtualClock, how: str
) -> None:
    async with phone(database, clock) as browser:
        back = await browser.consent(await browser.start("/cards"))
        state = parse_qs(urlsplit(back).query)["state"][0]
        match how:
            case "other browser":
                browser.http.cookie_jar.clear()
            case "forged":
                other = state[:-1] + ("0" if state[-1] != "0" else "1")
                back = back.replace(state, other)
                ends = clock.now() + timedelta(minutes=10)
                browser.http.cookie_jar.clear()
                browser.http.cookie_jar.update_cookies(
                    {STATE_COOKIE: seal_visit(other, "hospital", "/", ends)}
                )
            case "unknown":
                back = back.replace(state, new_state())
            case "changed cookie":
                kept = browser.cookie(STATE_COOKIE)
                changed = kept.replace(kept.split(".")[2], "L2V2aWw=")
                browser.http.cookie_jar.clear()
                browser.http.cookie_jar.update_cookies({STATE_COOKIE: changed})
            case "old":
                clock.advance(timedelta(minutes=11))
            case "other account":
                back = back.replace("/hospital/", "/clinic/")
        answer = await browser.get(back)
        assert answer.status in (400, 404)
        assert not browser.cookie(PATIENT_COOKIE)


async def test_the_snapshot_stand_in_is_nobody(database: Database, clock: VirtualClock) -> None:
    async with phone(database, clock) as browser:
        answer = await browser.sign_in(openid=GHOST)
        assert answer.status == 403 and "使用完整服务" in await answer.text()
        assert not browser.cookie(PATIENT_COOKIE)
        async with database.read() as session:
            assert (await session.scalars(select(Contact))).all() == []


@pytest.mark.parametrize(("code", "fault"), [("nonsense", 40029), (None, 40163), (None, 42003)])
async def test_a_code_that_lapsed_is_said_kindly(
    database: Database, clock: VirtualClock, code: str | None, fault: int
) -> None:
    async with phone(database, clock) as browser:
        back = await browser.consent(await browser.start("/cards"))
        given = parse_qs(urlsplit(back).query)["code"][0]
        if code is not None:
            back = back.replace(given, code)
        elif fault == 40163:
            browser.sim.oauth.exchange(given, clock.now().timestamp())
        else:
            clock.advance(timedelta(minutes=6))
        answer = await browser.get(back)
        said = await answer.text()
        assert answer.status == 400 and "请重新打开链接" in said
        assert "/oauth/hospital/start?next=%2Fcards" in said, "one tap begins anew"
        assert str(fault) not in said


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/x",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nX: y",
        "/" + "a" * 600,
    ],
)
async def test_nobody_is_led_elsewhere(database: Database, clock: VirtualClock, target: str) -> None:
    async with phone(database, clock) as browser:
        assert (await browser.sign_in(target)).headers["Location"] == "/"


async def test_only_our_own_pages_are_signed_for_the_js_sdk(database: Database, clock: VirtualClock) -> None:
    async with phone(database, clock) as browser:
        page = f"{browser.url}/cards?x=1"
        answer = await browser.get(f"/oauth/hospital/js?{urlencode({'url': page + '#part'})}")
        config = await answer.json()
        other = await (await browser.get(f"/oauth/hospital/js?{urlencode({'url': page})}")).json()
        assert config["appId"] == "wx1" and "ticket" not in config
        assert other["signature"] != config["signature"], "each with a nonce of its own"
        for elsewhere in ("https://evil.example/", "", browser.url.replace("http:", "https:"), "http://[::1"):
            assert (await browser.get(f"/oauth/hospital/js?{urlencode({'url': elsewhere})}")).status == 403


async def test_one_ticket_serves_every_process(database: Database, clock: VirtualClock) -> None:
    """The signature is WeChat's formula over the shared ticket and the URL without its fragment."""
    store = MemoryTokenStore()
    simulator = create_wechat_simulator(
        SimWeChatConfig(appid="wx1", secret="s1", token="t1", mode="plain"),
        "http://127.0.0.1:9/none",
        clock=clock,
    )
    async with serve(simulator) as vendor:
        account = WeChatAccount("hospital", "wx1", "s1", ("t1",), mode="plain", base_url=vendor)
        clients = [WeChatClient(account, clock) for _ in range(2)]
        tickets = [await JsTickets({"hospital": one}, store, clock).current("hospital") for one in clients]
        assert tickets[0] == tickets[1]
        clock.advance(timedelta(hours=2))
        fresh = await JsTickets({"hospital": clients[0]}, store, clock).current("hospital")
        assert fresh != tickets[0]
        for one in clients:
            await one.close()
    # https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/JS-SDK.html, appendix 1
    assert (
        js_signature(
            "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
            "Wm3WZYTPz0wzccnW",
            1414587457,
            "http://mp.weixin.qq.com?params=value#here",
        )
        == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    )


def test_a_session_cookie_cannot_be_made(keyring: object, clock: VirtualClock) -> None:
    contact, ends = new_id(), clock.now() + timedelta(hours=2)
    good = seal_session(contact, "hospital", ends)
    assert read_session(good, clock.now()) == PatientSession(contact, "hospital", ends)
    assert read_session(good, ends) is None
    for bad in (
        "",
        "a.b.c.d",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("hospital", "clinic"),
        "é",
    ):
        assert read_session(bad, clock.now()) is None


def test_states_are_signed(keyring: object) -> None:
    state = new_state()
    assert state_ok(state) and not state_ok(state.upper()) and not state_ok("0" * 64) and not state_ok("")
