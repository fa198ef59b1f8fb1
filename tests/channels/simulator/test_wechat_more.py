"""The rest of WeChat's surface: notices, media, web sign-in, tokens, limits; wechatpy's own client; a process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
import pytest
from fastapi import FastAPI, Response

from channels.chinatime import until_hour
from channels.simulator.__main__ import sms_app, wechat_app
from channels.simulator.faults import Fault
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from channels.wechat.errors import VendorError
from store.clock import Clock
from tests.channels.simulator.serving import House, serve, until
from tests.channels.simulator.test_wechat_line import CONFIG, Line, line
from tests.channels.simulator.theirs import their_client

NOTICE = replace(CONFIG, templates={"T1": ("thing1", "time2", "phrase3")})
GOOD = {"thing1": "复诊提醒", "time2": "2026年11月26日 09:20", "phrase3": "待就诊"}


def code(answer: Any) -> int:
    assert isinstance(answer, VendorError), answer
    return answer.code


@pytest.mark.parametrize("envelope", ["xml", "json"])
async def test_template_message_and_its_result(envelope: Any) -> None:
    async with line(replace(NOTICE, envelope=envelope)) as wired:
        answer = await wired.client.send_template("o1", "T1", GOOD)
        assert isinstance(answer, dict)
        await until(lambda: wired.house.messages)
        result = wired.house.messages[0]
        assert (result.event, result.event_key) == ("templatesendjobfinish", str(answer["msgid"]))
        assert result.raw["Status"] == "success"
        assert wired.texts() == [("template", "复诊提醒\n2026年11月26日 09:20\n待就诊")]
        assert code(await wired.client.send_template("o1", "T9", GOOD)) == 40037
        wired.sim.rules.user("o2").blacklisted = True
        assert isinstance(await wired.client.send_template("o2", "T1", GOOD), dict)
        await until(lambda: len(wired.house.messages) == 2)
        assert wired.house.messages[1].raw["Status"] == "failed:user block"
        await wired.sim.user_unfollow("o2")
        assert code(await wired.client.send_template("o2", "T1", GOOD)) == 43004


@pytest.mark.parametrize(
    "change",
    [
        {"thing1": "长" * 21},
        {"time2": "明天"},
        {"phrase3": "abc"},
        {"thing1": ""},
        {"phrase3": "六个汉字太多"},
    ],
)
async def test_fields_are_checked_by_name(change: dict[str, str]) -> None:
    async with line(NOTICE) as wired:
        answer = await wired.client.send_template("o1", "T1", GOOD | change)
        assert code(answer) == 47003
        assert isinstance(answer, VendorError)
        assert f"data.{next(iter(change))}" in answer.detail


@pytest.mark.parametrize("envelope", ["xml", "json"])
async def test_subscription_notices_need_consent(envelope: Any) -> None:
    async with line(replace(NOTICE, envelope=envelope)) as wired:
        assert code(await wired.client.send_subscription("o1", "T1", GOOD)) == 43101
        await wired.sim.user_subscribes("o1", "T1", accept=False)
        assert code(await wired.client.send_subscription("o1", "T1", GOOD)) == 43101
        await wired.sim.user_subscribes("o1", "T1")
        assert isinstance(await wired.client.send_subscription("o1", "T1", GOOD), dict)
        assert code(await wired.client.send_subscription("o1", "T1", GOOD)) == 43101
        await wired.sim.user_subscribes("o1", "T1", long_term=True)
        for _ in range(3):
            assert isinstance(await wired.client.send_subscription("o1", "T1", GOOD), dict)
        await wired.sim.user_withdraws("o1", "T1")
        assert code(await wired.client.send_subscription("o1", "T1", GOOD)) == 43101
        await until(lambda: sum(m.event == "subscribe_msg_sent_event" for m in wired.house.messages) == 4)
        events = {message.event for message in wired.house.messages}
        assert {"subscribe_msg_popup_event", "subscribe_msg_change_event"} <= events


async def test_media_can_be_fetched_for_three_days() -> None:
    async with line() as wired:
        await wired.sim.user_media("o1", "voice", content=b"#!AMR...", content_type="voice/amr")
        media_id = wired.house.messages[0].event_key
        assert await wired.client.download_media(media_id) == ("voice/amr", b"#!AMR...")
        too_large = await wired.client.download_media(media_id, limit=3)
        assert not isinstance(too_large, tuple)
        wired.sim.rules.revoke_tokens()
        wired.sim.advance(3 * 86400)
        assert not isinstance(await wired.client.download_media(media_id), tuple)
        assert code(await wired.client.download_media("nonsense")) in (40001, 40007)


@asynccontextmanager
async def raw(config: SimWeChatConfig) -> AsyncIterator[tuple[Line, aiohttp.ClientSession]]:
    async with line(config) as wired, aiohttp.ClientSession(wired.sim_url) as http:
        yield wired, http


async def get(http: aiohttp.ClientSession, path: str, **params: Any) -> Any:
    async with http.get(path, params=params, allow_redirects=False) as response:
        return orjson.loads(await response.read())


async def test_web_sign_in() -> None:
    config = replace(CONFIG, oauth_domains=("h5.example.cn",), snapshot_users=("o2",))
    async with raw(config) as (wired, http):

        async def authorize(openid: str, scope: str, back: str = "https://h5.example.cn/in?a=1") -> str:
            params = {
                "appid": config.appid,
                "redirect_uri": back,
                "response_type": "code",
                "scope": scope,
                "state": "s1",
                "openid": openid,
            }
            async with http.get(
                "/connect/oauth2/authorize", params=params, allow_redirects=False
            ) as response:
                if response.status != 302:
                    return ""
                query = parse_qs(urlsplit(response.headers["Location"]).query)
            assert (query["a"], query["state"]) == (["1"], ["s1"])
            return query["code"][0]

        async def exchange(given: str, secret: str = config.secret) -> Any:
            return await get(
                http,
                "/sns/oauth2/access_token",
                appid=config.appid,
                secret=secret,
                code=given,
                grant_type="authorization_code",
            )

        first = await authorize("o1", "snsapi_base")
        assert (await exchange(first, "wrong"))["errcode"] == 40125
        answer = await exchange(first)
        assert (answer["openid"], answer["scope"]) == ("o1", "snsapi_base")
        assert "is_snapshotuser" not in answer
        assert (await exchange(first))["errcode"] == 40163
        assert (await exchange("nonsense"))["errcode"] == 40029
        info = await get(http, "/sns/userinfo", access_token=answer["access_token"], openid="o1")
        assert info["errcode"] == 48001
        full = await exchange(await authorize("o2", "snsapi_userinfo"))
        assert full["is_snapshotuser"] == 1
        assert (await get(http, "/sns/userinfo", access_token=full["access_token"], openid="o2"))[
            "openid"
        ] == "o2"
        assert (await get(http, "/sns/oauth2/refresh_token", refresh_token=full["refresh_token"]))[
            "openid"
        ] == "o2"
        late = await authorize("o1", "snsapi_base")
        wired.sim.advance(301)
        assert (await exchange(late))["errcode"] == 42003
        assert await authorize("o1", "snsapi_base", "https://evil.example/") == ""
        assert await authorize("o1", "everything") == ""


async def test_tokens_live_as_the_vendor_says() -> None:
    async with raw(replace(CONFIG, token_daily=4, force_daily=1)) as (wired, http):
        who = {"grant_type": "client_credential", "appid": CONFIG.appid, "secret": CONFIG.secret}
        # The limits are of a day: midnight shall be far away.
        wired.sim.advance(until_hour(wired.sim.clock.now(), 9))

        async def stable(**extra: Any) -> Any:
            async with http.post("/cgi-bin/stable_token", json=who | extra) as response:
                return orjson.loads(await response.read())

        async def works(token: str) -> int:
            answer = await get(http, "/cgi-bin/user/info", access_token=token, openid="o1")
            return int(answer.get("errcode", 0))

        one = (await get(http, "/cgi-bin/token", **who))["access_token"]
        two = (await get(http, "/cgi-bin/token", **who))["access_token"]
        assert await works(one) == await works(two) == 0
        wired.sim.advance(300)
        assert (await works(one), await works(two)) == (42001, 0)
        first = await stable()
        wired.sim.advance(6800)
        assert (await stable())["access_token"] == first["access_token"]
        wired.sim.advance(200)
        renewed = await stable()
        assert renewed["access_token"] != first["access_token"]
        assert await works(first["access_token"]) == 0
        wired.sim.advance(301)
        assert await works(first["access_token"]) == 42001
        forced = await stable(force_refresh=True)
        assert forced["access_token"] != renewed["access_token"]
        assert (await stable(force_refresh=True))["access_token"] == forced["access_token"]
        wired.sim.advance(31)
        assert (await stable(force_refresh=True))["errcode"] == 45009
        for _ in range(2):
            await get(http, "/cgi-bin/token", **who)
        assert (await get(http, "/cgi-bin/token", **who))["errcode"] == 45009
        assert await works("") == 41001
        assert await works("nonsense") == 40014
        assert await works("96_nobodys") == 40001
        refused = await get(http, "/cgi-bin/user/info", access_token="nonsense", openid="o1")
        rid = refused["errmsg"].rsplit("rid: ", 1)[1].split("-")
        assert [len(group) for group in rid] == [8, 8, 8]
        assert int(rid[0], 16) == pytest.approx(wired.sim.rules.now(), abs=5)


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("custom/send", {"touser": "o1", "msgtype": "text", "text": {"content": "长" * 683}}, 45002),
    ("custom/send", {"touser": "o1", "msgtype": "text", "text": {"content": ""}}, 44004),
    ("custom/send", {"touser": "o1", "msgtype": "hologram", "hologram": {}}, 40008),
    ("custom/send", {"touser": "o9", "msgtype": "text", "text": {"content": "x"}}, 40003),
    ("custom/send", {"touser": "o1", "msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
    ("custom/send", {"touser": "o1", "msgtype": "msgmenu", "msgmenu": {"list": []}}, 45098),
    (
        "custom/send",
        {"touser": "o1", "msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "x" * 61}]}},
        45099,
    ),
    ("custom/typing", {"touser": "o1", "command": "Dance"}, 45072),
]


@pytest.mark.parametrize(("path", "payload", "errcode"), REFUSED)
async def test_what_the_vendor_refuses(path: str, payload: dict[str, Any], errcode: int) -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        assert code(await wired.client.post(f"/cgi-bin/message/{path}", payload)) == errcode
        assert wired.texts() == []


async def test_escaped_json_is_refused() -> None:
    async with raw(CONFIG) as (wired, http):
        await wired.sim.user_text("o1", "hi")
        token = wired.sim.rules.stable_token(False)[0]
        body = b'{"touser":"o1","msgtype":"text","text":{"content":"\\u597d"}}'
        async with http.post(f"/cgi-bin/message/custom/send?access_token={token}", data=body) as response:
            assert orjson.loads(await response.read())["errcode"] == 40033
        async with http.post(f"/cgi-bin/message/custom/send?access_token={token}", data=b"{") as response:
            assert orjson.loads(await response.read())["errcode"] == 47001


async def test_quota_and_its_clearing() -> None:
    async with line(replace(CONFIG, custom_daily=1)) as wired:
        await wired.sim.user_text("o1", "hi")
        assert isinstance(await wired.client.send_text("o1", "一"), dict)
        assert code(await wired.client.send_text("o1", "二")) == 45009
        for _ in range(10):
            answer = await wired.client.clear_quota()
            assert isinstance(answer, dict), answer
        assert isinstance(await wired.client.send_text("o1", "三"), dict)
        assert code(await wired.client.clear_quota()) == 48006


async def test_wechatpys_own_client_is_served() -> None:
    """An independent client agrees on tokens, messages, users, QR codes and menus."""
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")

        def talk() -> None:
            client = their_client(wired.sim_url, CONFIG)
            client.message.send_text("o1", "您好")
            menu = {
                "head_content": "选择",
                "list": [{"id": "q:1", "content": "上午"}],
                "tail_content": "谢谢",
            }
            client.message.send_msg_menu("o1", menu)
            assert client.user.get("o1")["subscribe"] == 1
            ticket = client.qrcode.create(
                {
                    "expire_seconds": 60,
                    "action_name": "QR_STR_SCENE",
                    "action_info": {"scene": {"scene_str": "x"}},
                }
            )
            assert ticket["expire_seconds"] == 60
            client.menu.create({"button": [{"type": "click", "name": "预约", "key": "BOOK"}]})
            assert client.jsapi.get_ticket()["ticket"]

        await asyncio.to_thread(talk)
        assert wired.texts() == [("custom", "您好"), ("custom", "选择\n谢谢")]
        await wired.sim.tap_item("o1", "q:1")
        assert wired.house.messages[-1].option_ref == "q:1"


async def test_late_pushes_overtake_each_other_and_each_is_kept_once() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("late_push", value=0.2))
        first = asyncio.create_task(wired.sim.user_text("o1", "一"))
        await asyncio.sleep(0.05)
        await wired.sim.user_text("o1", "二")
        await first
        assert [message.text for message in wired.house.messages] == ["二", "一"]
        stamps = [message.sent_at for message in wired.house.messages]
        assert all(stamp is not None for stamp in stamps)


ODD_ANSWERS = [b"hello", b"<xml></xml>", b'{"a":1}', b"<xml><MsgType>text</MsgType></xml>", b"<html>"]


@pytest.mark.parametrize("answer", ODD_ANSWERS)
async def test_an_answer_that_is_none_shows_the_patient_trouble(answer: bytes) -> None:
    app = FastAPI()

    @app.post("/wx/main")
    async def odd() -> Any:
        return Response(answer)

    async with serve(app) as url:
        sim = wechat_app({"callback_url": f"{url}/wx/main", "followers": ["o1"]}).state.sim
        result = await sim.user_text("o1", "hi")
        assert (result.status, result.deliveries) == ("failed", 1)
        assert sim.transcript("o1")[-1]["kind"] == "error"
        await sim.close()


def test_the_file_names_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="colour"):
        wechat_app({"callback_url": "http://127.0.0.1:9/", "colour": "green"})
    sim = sms_app(
        {
            "up_url": "http://127.0.0.1:9/",
            "templates": [{"code": "S", "key": "k", "text": "t", "sign": "医院"}],
        }
    )
    assert sim.state.sim.rules.templates["S"].sign == "医院"


async def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    house = House()
    accounts: dict[str, Any] = {}
    app = FastAPI()
    app.include_router(callback_router(accounts, house, Clock()))
    async with serve(app) as url:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"wechat": {"port": port, "callback_url": f"{url}/wx/main", "followers": ["o1"]}}
        file = tmp_path / "sim.json"
        file.write_bytes(orjson.dumps(settings))
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "channels.simulator", str(file))
        try:
            defaults = SimWeChatConfig()
            accounts["main"] = WeChatAccount(
                "main", defaults.appid, defaults.secret, (defaults.token,), (defaults.aes_key,)
            )
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, asyncio.timeout(30):
                while True:
                    try:
                        async with http.post("/_sim/users/o1/text", json={"text": "你好"}) as response:
                            assert orjson.loads(await response.read())["status"] == "ok"
                            break
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0.1)
            assert house.messages[0].text == "你好"
        finally:
            process.terminate()
            await process.wait()
