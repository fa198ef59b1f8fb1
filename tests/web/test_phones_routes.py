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
