"""The editors' page of questionnaires in a real Chromium: built with the keyboard, tried out, handed in, published by another; axe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from care.questionnaires.publishing import publish_shipped
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.questionnaires.editor.site import HOME, editor_app
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.threaded import served
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


@dataclass
class Site:
    url: str
    tokens: dict[str, str]


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Site]:
    path = tmp_path / "questionnaires.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")

    async def shipped() -> None:
        async with database.write("shipped") as session:
            await publish_shipped(session, clock.now())

    with served(editor_app(database, clock)) as running:
        running.run(shipped())
        yield Site(running.url, running.run(staff(database)))
        running.run(database.close())


def opened(site: Site, chromium: Browser, role: str, problems: list[str]) -> Page:
    """Somebody's page. `problems`: script errors, and requests that leave the site."""
    context = chromium.new_context(
        viewport=WIDE,
        locale="zh-CN",
        reduced_motion="reduce",
        bypass_csp=True,  # axe is injected
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": site.tokens[role], "url": site.url}])
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((site.url, "data:")) else problems.append(sent.url),
    )
    return page


def looked_at(page: Page, name: str) -> None:
    """Both widths: nothing for axe, nothing that runs off a phone."""
    for size, width in ((NARROW, "375"), (WIDE, "1280")):
        page.set_viewport_size(size)
        keep_picture(page, f"questionnaires-{name}-{width}")
        assert violations(page, AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)


def typed(page: Page, *keys: str) -> None:
    """A word is typed, `Tab` and the like are pressed."""
    for key in keys:
        if key in ("Tab", "Enter", "Space"):
            page.keyboard.press(key)
        else:
            page.keyboard.insert_text(key)


def test_the_whole_page(site: Site, chromium: Browser) -> None:
    problems: list[str] = []
    page = opened(site, chromium, "editor", problems)
    page.goto(f"{site.url}{HOME}")
    expect(page.get_by_role("heading", name="近两周情绪状况")).to_be_visible()
    looked_at(page, "list")

    page.get_by_role("link", name="新问卷").focus()
    typed(page, "Enter")
    page.get_by_label("名称").focus()
    typed(page, "膝关节随访", "Tab", "knee", "Tab", "Tab", "Enter")
    expect(page.get_by_role("status").first).to_contain_text("已建好")
    page.get_by_role("link", name="加一题").focus()
    typed(page, "Enter")
    page.get_by_label("问题").focus()
    typed(page, "膝盖能弯到什么程度？")
    page.get_by_label("选项1", exact=True).fill("能蹲下")
    page.get_by_label("选项1的分值").fill("0")
    page.get_by_label("选项2", exact=True).fill("弯不到九十度")
    page.get_by_label("选项2的分值").fill("2")
    page.get_by_role("button", name="保存").focus()
    typed(page, "Enter")
    page.get_by_role("link", name="加一题").click()
    page.get_by_label("问题").fill("今天体温多少度？")
    page.get_by_label("题型").select_option("quantity")
    expect(page.get_by_label("选项1", exact=True)).to_be_hidden()
    page.get_by_label("单位").select_option("Cel")
    page.get_by_label("合理下限").fill("35")
    page.get_by_label("合理上限").fill("41")
    page.get_by_label("条件1", exact=True).select_option("“膝盖能弯到什么程度？”选了“弯不到九十度”")
    looked_at(page, "item")
    page.get_by_role("button", name="保存").click()
    page.get_by_role("link", name="加计分").click()
    page.get_by_label("名称").fill("活动分")
    page.get_by_label("分段1从").fill("2")
    page.get_by_label("分段1到").fill("2")
    page.get_by_label("分段1给医护看").fill("活动差")
    looked_at(page, "scale")
    page.get_by_role("button", name="保存").click()
    page.get_by_role("link", name="加预警规则").click()
    page.get_by_label("条件1", exact=True).select_option("“今天体温多少度？”大于或等于（填数字）")
    page.get_by_label("条件1的数字").fill("38.5")
    page.get_by_label("给护士看的话").fill("发烧：问伤口")
    page.get_by_label("患者当时听到").select_option("flag.fever")
    page.get_by_label("依据").fill("本院约定")
    looked_at(page, "rule")
    page.get_by_role("button", name="保存").click()
    page.get_by_role("link", name="修改基本情况").click()
    page.get_by_label("版权和许可").fill("本院编写")
    looked_at(page, "settings")
    page.get_by_role("button", name="保存").click()

    trial = page.get_by_role("form", name="试答")
    expect(trial).not_to_contain_text("今天体温多少度")
    trial.get_by_label("弯不到九十度").check()
    expect(trial).to_contain_text("活动差")
    trial.get_by_label("sms：").or_(trial.get_by_label("wechat：今天体温")).fill("44")
    typed(page, "Tab")
    expect(trial).to_contain_text("发烧：问伤口")
    expect(trial).to_contain_text("超出合理范围")
    trial.get_by_label("看它在哪里怎么问").select_option("sms")
    expect(trial).to_contain_text("sms：今天体温")
    looked_at(page, "draft")
    page.get_by_role("button", name="提交").click()
    expect(page.get_by_text("要由临床审核员发布")).to_be_visible()

    reviewer = opened(site, chromium, "clinical_reviewer", problems)
    reviewer.goto(f"{site.url}{HOME}/knee/draft")
    reviewer.get_by_role("button", name="发布", exact=True).click()
    expect(reviewer.get_by_role("status").first).to_contain_text("已发布")
    reviewer.goto(f"{site.url}{HOME}/phq9")
    expect(reviewer.get_by_text("结果不告诉患者")).to_be_visible()
    looked_at(reviewer, "one")
    assert problems == []
