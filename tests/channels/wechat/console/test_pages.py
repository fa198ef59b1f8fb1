"""The page's own requests: drafts that are never overwritten unseen, publication to the vendor, history, roll-back."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from channels.wechat.account import WeChatAccount
from channels.wechat.console.content import Limits
from channels.wechat.console.models import ConsoleVersion
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.factories.staff_site import WELCOME, Browser, StaffSite, staff_site

AT = "/ops/wechat/hospital"
MENU = {"button": [{"type": "click", "name": "预约挂号", "key": "BOOK"}]}
PARKING = {"words": ["停车"], "match": "part", "text": "停车场在门诊楼北侧"}


def content(**values: Any) -> dict[str, Any]:
    return {"menu": MENU, "welcome": "您好", "keywords": [], **values}


async def keep(browser: Browser, seen: str, **values: Any) -> str:
    status, answer = await browser.send("PUT", f"{AT}/draft", {**content(**values), "seen": seen})
    assert status == 200, answer
    return str(answer["tag"])


async def begin(site: StaffSite, browser: Browser) -> str:
    status, _ = await browser.get(AT)
    assert status == 200
    return site.desk.default.tag


async def put_out(site: StaffSite, browser: Browser, seen: str, **values: Any) -> str:
    tag = await keep(browser, seen, **values)
    status, answer = await browser.send("POST", f"{AT}/publish", {"seen": tag, "note": "改了菜单"})
    assert status == 200, answer
    return tag


async def versions(database: Database) -> list[tuple[int, str]]:
    async with database.read() as session:
        rows = await session.scalars(select(ConsoleVersion).order_by(ConsoleVersion.number))
        return [(row.number, row.state) for row in rows]


async def test_a_new_account_begins_with_what_the_bot_says(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("editor") as browser:
        status, page = await browser.get(AT)
        assert status == 200 and "还没有发布过" in page
        found = re.search(r"data-state='([^']+)'", page)
        assert found
        state = json.loads(html.unescape(found[1]))
        assert state["welcome"] == WELCOME and state["menu"]["button"][0]["name"] == "预约就诊"
        assert state["number"] == 0 and state["problems"] == []
        assert "<script>" not in page
        assert site.live.welcome("hospital") is None, "nothing is said that was not published"


async def test_publishing_reaches_wechat_and_the_bot(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        await put_out(site, browser, await begin(site, browser), keywords=[PARKING])
        assert site.sim.rules.menu == MENU
        assert site.live.welcome("hospital") == "您好"
        assert site.live.keyword_reply("hospital", "请问停车场在哪") == "停车场在门诊楼北侧"
        assert site.live.keyword_reply("clinic", "停车") is None
        assert await versions(database) == [(1, "published")]
        async with database.read() as session:
            acts = [row.action for row in await session.scalars(select(AuditRow))]
        assert "console_published" in acts


async def test_an_empty_menu_is_taken_down(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        tag = await put_out(site, browser, await begin(site, browser))
        await put_out(site, browser, tag, menu={"button": []})
        assert site.sim.rules.menu is None


async def test_a_draft_says_nothing_to_patients(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("editor") as browser:
        await keep(browser, await begin(site, browser), keywords=[PARKING])
        await site.live.refresh()
        assert site.live.keyword_reply("hospital", "停车") is None and site.sim.rules.menu is None


async def test_nobody_overwrites_another_unseen(database: Database, clock: VirtualClock) -> None:
    async with (
        staff_site(database, clock) as site,
        site.browser("editor") as one,
        site.browser("operator") as two,
    ):
        start = await begin(site, one)
        await begin(site, two)
        await keep(one, start, welcome="甲写的")
        status, answer = await two.send("PUT", f"{AT}/draft", {**content(welcome="乙写的"), "seen": start})
        assert status == 409 and answer["theirs"]["welcome"] == "甲写的"
        tag = await keep(two, answer["theirs"]["tag"], welcome="乙写的")
        status, _ = await one.send("POST", f"{AT}/publish", {"seen": "what one saw"})
        assert status == 409, "nobody publishes what they have not seen"
        status, _ = await two.send("POST", f"{AT}/publish", {"seen": tag})
        assert status == 200


async def test_saving_twice_is_saving_once(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("editor") as browser:
        start = await begin(site, browser)
        tag = await keep(browser, start)
        assert await keep(browser, start) == tag, "an answer that got lost: the same again"
        assert await versions(database) == [(1, "draft")]


async def test_what_is_unfinished_is_kept_but_not_published(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("editor") as browser:
        menu = {"button": [{"type": "click", "name": "", "key": ""}]}
        tag = await keep(browser, await begin(site, browser), menu=menu)
        status, answer = await browser.send("POST", f"{AT}/publish", {"seen": tag})
        assert status == 422
        assert [one["where"] for one in answer["problems"]] == ["menu.0.name", "menu.0.key"]
        assert site.sim.rules.menu is None


@pytest.mark.parametrize(("what", "said"), [("refused", "错误码"), ("unreached", "连不上微信")])
async def test_what_wechat_does_not_take_stays_a_draft(
    database: Database, clock: VirtualClock, what: str, said: str
) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        four = {"button": [{"type": "click", "name": f"第{n}", "key": "BOOK"} for n in range(4)]}
        site.desk.limits = Limits(buttons=4)  # as if WeChat had become stricter than we know
        tag = await keep(browser, await begin(site, browser), menu=four)
        if what == "unreached":
            site.client.account = WeChatAccount(
                "hospital", "wx1", "s1", ("t1",), mode="plain", base_url="http://127.0.0.1:9"
            )
        status, answer = await browser.send("POST", f"{AT}/publish", {"seen": tag})
        assert status == 502 and said in answer["detail"]
        assert await versions(database) == [(1, "draft")] and site.live.welcome("hospital") is None
        assert site.sim.rules.menu is None


async def test_an_older_version_comes_back_under_a_new_number(
    database: Database, clock: VirtualClock
) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        tag = await put_out(site, browser, await begin(site, browser), welcome="第一版的话")
        tag = await put_out(site, browser, tag, welcome="第二版的话", keywords=[PARKING])
        tag = await keep(browser, tag, welcome="正在写的")
        status, answer = await browser.send("POST", f"{AT}/roll-back/1")
        assert status == 200 and answer["welcome"] == "正在写的", "the draft stays"
        assert site.live.welcome("hospital") == "第一版的话"
        assert await versions(database) == [(1, "replaced"), (2, "replaced"), (3, "draft"), (4, "published")]
        status, _ = await browser.send("POST", f"{AT}/publish", {"seen": tag})
        assert status == 200
        assert (await versions(database))[-1] == (5, "published")
        status, _ = await browser.send("POST", f"{AT}/roll-back/99")
        assert status == 404


async def test_the_history_shows_what_changed(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        tag = await put_out(site, browser, await begin(site, browser), welcome="早上好")
        await put_out(site, browser, tag, welcome="晚上好 <b>", keywords=[PARKING])
        _, page = await browser.get(f"{AT}/history")
        assert "<del>早</del><ins>晚</ins>" in page and "<b>" not in page and "陈运营" in page
        assert "关键词 停车" in page and "第一版" in page and "改了菜单" in page


async def test_discarding_goes_back_to_what_is_published(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        tag = await put_out(site, browser, await begin(site, browser), welcome="线上的")
        await keep(browser, tag, welcome="不要了")
        status, state = await browser.send("DELETE", f"{AT}/draft")
        assert status == 200 and state["welcome"] == "线上的" and state["tag"] == state["live_tag"]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"menu": 1, "welcome": "", "keywords": []}])
async def test_nonsense_is_refused_without_a_500(database: Database, clock: VirtualClock, body: Any) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        await begin(site, browser)
        status, _ = await browser.send("PUT", f"{AT}/draft", body)
        assert status == 422


async def test_only_operators_and_editors(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site, site.browser("nurse") as nurse:
        assert (await nurse.get(AT))[0] == 403
        assert (await nurse.get("/ops/wechat"))[0] == 403
        async with site.browser("operator") as browser:
            assert (await browser.get("/ops/wechat/nobody"))[0] == 404
            browser.csrf = "forged"
            status, _ = await browser.send("PUT", f"{AT}/draft", {**content(), "seen": site.desk.default.tag})
            assert status == 403
