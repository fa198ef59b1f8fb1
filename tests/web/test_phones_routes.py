"""The wire of the phones' page, without a browser."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from channels.simulator.pages import masked
from tests.web.site import PEOPLE, Site
from tests.web.test_pages import token_of

WANG = PEOPLE[0]


async def events(browser: aiohttp.ClientSession, until: str, last_id: str = "") -> list[tuple[str, Any, str]]:
    """`(event, data, id)` of the stream up to the first event called `until`."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    got: list[tuple[str, Any, str]] = []
    async with asyncio.timeout(10), browser.get("/phones/p1/stream", headers=headers) as answer:
        assert answer.content_type == "text/event-stream"
        name = place = ""
        async for raw in answer.content:
            key, _, value = raw.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "id":
                place = value
            elif key == "data":
                got.append((name, json.loads(value), place))
                if name == until:
                    return got
    raise AssertionError("the stream ended")


async def press(browser: aiohttp.ClientSession, what: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
    headers = {"X-CSRF-Token": await token_of(browser, "/phones"), "Accept": "application/json"}
    return await browser.post(f"/phones/{what}", json=body, headers=headers)


async def test_a_broken_line_goes_on_where_it_was(site: Site, browser: aiohttp.ClientSession) -> None:
    assert (await press(browser, "p1/wechat/text", {"text": "第一句"})).status == 200
    first = await events(browser, "ready")
    assert [name for name, _, _ in first] == ["start", "wechat", "status", "ready"]
    assert first[2][1]["left"] == 5
    place = first[1][2]
    site.hospital_texts(WANG, "后来的短信")
    again = await events(browser, "ready", place)
    assert [name for name, _, _ in again] == ["sms", "status", "ready"]
    of_another_run = await events(browser, "ready", "00000000 wechat:999 sms:999")
    assert [name for name, _, _ in of_another_run] == ["start", "wechat", "sms", "status", "ready"]


async def test_what_comes_later_comes_once(site: Site, browser: aiohttp.ClientSession) -> None:
    listening = asyncio.create_task(events(browser, "sms"))
    await asyncio.sleep(0.3)
    site.hospital_texts(PEOPLE[1], "给别人的")
    site.hospital_texts(WANG, "给她的")
    texts = [data["text"] for name, data, _ in await listening if name == "sms"]
    assert texts[-1] in {"给她的", "后来的短信"} and "给别人的" not in texts
    seen = [data["text"] for name, data, _ in await events(browser, "ready") if name == "sms"]
    assert seen.count("给她的") == 1


def published(site: Site, *buttons: dict[str, Any]) -> None:
    """As `menu/create` by the hospital."""
    site.call(lambda: setattr(site.wechat.rules, "menu", {"button": list(buttons)}))


async def test_the_menu_is_the_one_published_now(site: Site, browser: aiohttp.ClientSession) -> None:
    before = site.wechat.rules.menu
    async with browser.get("/phones/menu") as answer:
        first = await answer.text()
    assert "我的随访" in first
    seen = first.partition("seen=")[2][:16]
    async with browser.get("/phones/menu", params={"seen": seen}) as answer:
        assert answer.status == 204
    try:
        published(
            site,
            {"type": "click", "name": "新按钮", "key": "NEW"},
            {
                "name": "更多",
                "sub_button": [{"type": "view", "name": "官网", "url": "https://hospital.example/"}],
            },
            {"type": "scancode_push", "name": "扫一扫", "key": "SCAN"},
        )
        async with browser.get("/phones/menu", params={"seen": seen}) as answer:
            page = await answer.text()
        assert answer.status == 200
        assert "新按钮" in page
        assert "我的随访" not in page
        async with browser.get("/phones") as answer:
            assert "新按钮" in await answer.text()
        pushes = len(site.pushes)
        assert (await press(browser, "p1/wechat/menu", {"key": "NEW"})).status == 200
        assert (await press(browser, "p1/wechat/menu", {"key": "https://hospital.example/"})).status == 200
        assert (await press(browser, "p1/wechat/menu", {"key": "FOLLOW_UP"})).status == 404
        assert (await press(browser, "p1/wechat/menu", {"key": "SCAN"})).status == 404
        told = [site.wechat.transcripts.read(WANG.openid)[-2 + n]["text"] for n in (0, 1)]
        assert told == ["点击菜单：新按钮", "点击菜单：官网"]
        assert len(site.pushes) == pushes + 2
        site.call(lambda: setattr(site.wechat.rules, "menu", None))
        async with browser.get("/phones/menu") as answer:
            assert "公众号没有菜单" in await answer.text()
    finally:
        site.call(lambda: setattr(site.wechat.rules, "menu", before))


async def test_a_code_is_scanned_by_a_follower_and_by_somebody_new(
    site: Site, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = site.wechat._event
    told: list[tuple[str, str]] = []

    async def heard(user: Any, event: str, fields: dict[str, Any], shown: bool = True) -> Any:
        told.append((event, fields["EventKey"]))
        return await push(user, event, fields, shown)

    monkeypatch.setattr(site.wechat, "_event", heard)

    def code(ticket: str, scene: str, seconds: float | None = 600) -> None:
        end = None if seconds is None else site.wechat.rules.now() + seconds
        site.wechat.people.codes[ticket] = f"http://weixin.qq.com/q/{scene}", end

    def shown() -> str:
        return str(site.wechat.transcripts.read(ouyang.openid)[-1]["text"])

    ouyang = PEOPLE[2]
    site.call(lambda: site.wechat.people.codes.clear())
    assert (await press(browser, "p3/wechat/scan", {"code": ""})).status == 409
    site.call(lambda: code("t-old", "bd_old"))
    site.call(lambda: code("t-new", "bd_new"))
    site.call(lambda: code("t-over", "bd_over", -1))
    given = ("", "t-old", "http://weixin.qq.com/q/bd_new", "poster_3")
    for wanted in given:
        assert (await press(browser, "p3/wechat/scan", {"code": wanted})).status == 200
        assert shown() == "扫描二维码"
    assert told == [("SCAN", scene) for scene in ("bd_new", "bd_old", "bd_new", "poster_3")]
    for over in ("t-over", "http://weixin.qq.com/q/bd_over", "bd_over"):
        answer = await press(browser, "p3/wechat/scan", {"code": over})
        assert answer.status == 409
        assert "过期" in (await answer.json())["detail"]
    assert (await press(browser, "p3/wechat/unfollow", {})).status == 200
    assert (await press(browser, "p3/wechat/scan", {"code": "t-old"})).status == 200
    assert shown() == "已关注"
    assert told[-1] == ("subscribe", "qrscene_bd_old")


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("p1/wechat/text", {"text": ""}, 422),
        ("p1/wechat/text", {}, 422),
        ("p1/wechat/text", {"text": "长" * 6001}, 422),
        ("p1/wechat/menu", {"key": "DROP TABLE"}, 404),
        ("p1/wechat/tap", {"item_id": "never:sent"}, 409),
        ("p1/wechat/shake", {}, 422),
        ("nobody/sms/text", {"text": "1"}, 404),
    ],
)
async def test_wrong_buttons_are_answered_in_chinese(
    browser: aiohttp.ClientSession, what: str, body: dict[str, Any], status: int
) -> None:
    answer = await press(browser, what, body)
    detail = (await answer.json())["detail"]
    assert answer.status == status and any("\u4e00" <= char <= "\u9fff" for char in detail)


async def test_buttons_need_the_pages_token(browser: aiohttp.ClientSession) -> None:
    async with browser.post("/phones/p1/sms/text", json={"text": "1"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+8613800001234", "138****1234"), ("13800001234", "138****1234"), ("12345", "****"), ("", "****")],
)
def test_numbers_are_masked(phone: str, shown: str) -> None:
    assert masked(phone) == shown


async def test_pictures_have_a_limit_and_a_kind(site: Site, browser: aiohttp.ClientSession) -> None:
    headers = {"X-CSRF-Token": await token_of(browser, "/phones"), "Accept": "application/json"}

    async def send(body: bytes, kind: str) -> int:
        more = {**headers, "Content-Type": kind}
        async with browser.post("/phones/p1/wechat/image", data=body, headers=more) as answer:
            return answer.status

    assert await send(b"hello", "text/plain") == 409
    assert await send(b"\x89PNG" + bytes(11 << 20), "image/png") == 413
    assert await send(b"\x89PNG", "image/png") == 200


async def test_the_clock_needs_a_form_of_ours_and_knows_two_steps(
    site: Site, browser: aiohttp.ClientSession
) -> None:
    before = site.wechat.clock.now()
    async with browser.post("/phones/clock/hour") as answer:
        assert answer.status == 403
    assert (await press(browser, "clock/year", {})).status == 422
    assert (await press(browser, "clock/hour", {})).status == 200
    assert 3600 <= (site.wechat.clock.now() - before).total_seconds() < 3700
    assert (await press(browser, "p1/wechat/notice", {"template": "else", "answer": "yes"})).status == 404
    assert (
        await press(browser, "p1/wechat/notice", {"template": "visit_once", "answer": "maybe"})
    ).status == 422
