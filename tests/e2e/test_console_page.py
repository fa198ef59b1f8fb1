"""The console and the binding page in a real Chromium: editing with preview, undo, publication, history, what goes wrong; axe."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care.binding.qr import LIFE
from care.patients import service as patients
from care.patients.service import PatientData
from channels.wechat.account import WeChatAccount
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.factories.staff_site import PASSWORD, StaffSite, staff_site
from web.build import ROOT, build

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def in_a_thread(path: Path, clock: VirtualClock) -> Iterator[StaffSite]:
    """The staff's site in a loop of its own: browsers are driven by blocking calls."""
    started, box = threading.Event(), list[Any]()

    async def main() -> None:
        database, stop = Database(f"sqlite+aiosqlite:///{path}"), asyncio.Event()
        async with staff_site(database, clock) as site:
            async with database.write("a patient") as session:
                data = PatientData(
                    "D0000001", "王秀兰", "female", date(1964, 3, 12), "+8619900000001", "33010219640312002X"
                )
                await patients.create(session, data, clock.now())
            box.extend((site, asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not started.wait(30):
        raise RuntimeError("the site did not start")
    site, loop, stop = box
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[StaffSite]:
    build()
    path = tmp_path / "console.db"
    path.write_bytes(sqlite_template.read_bytes())
    with in_a_thread(path, clock) as running:
        yield running


@pytest.fixture
def context(site: StaffSite, chromium: Browser) -> Iterator[BrowserContext]:
    """A wide window that fails the test on a script error, and on any request that leaves the site."""
    opened = chromium.new_context(viewport=WIDE, locale="zh-CN")
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((site.url, "data:")) else problems.append(sent.url),
        )

    opened.on("page", watch)
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()
    assert not problems


def open_as(context: BrowserContext, site: StaffSite, who: str, path: str) -> Page:
    page = context.new_page()
    page.goto(f"{site.url}/sign-in?next={path}")
    page.get_by_label("用户名").fill(who)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(f"**{path}*")
    return page


@pytest.fixture
def page(site: StaffSite, context: BrowserContext) -> Page:
    return open_as(context, site, "operator", "/ops/wechat/hospital")


def saved(page: Page) -> None:
    expect(page.locator("#console-status")).to_contain_text("草稿已保存")


def publish(page: Page, note: str = "") -> None:
    page.get_by_role("button", name="发布", exact=True).click()
    page.get_by_label("这次改了什么").fill(note)
    page.get_by_role("button", name="确定发布").click()
    expect(page.locator("#toasts")).to_contain_text("发布成功")


def add_rule(page: Page, words: str, text: str, match: str = "句子里包含") -> None:
    page.get_by_role("tab", name="关键词回复").click()
    page.get_by_role("button", name="添加一条关键词回复").click()
    rule = page.locator("#panel-keywords .console-item").last
    rule.get_by_label("关键词（").fill(words)
    rule.get_by_label("怎么算对上").select_option(match)
    rule.get_by_label("回复内容").fill(text)


def test_the_preview_shows_what_is_edited(page: Page) -> None:
    menu = page.locator("#preview-menu")
    expect(menu).to_contain_text("预约就诊")
    page.get_by_label("第2个菜单").get_by_label("名称").fill("随访问卷问卷")
    expect(menu).to_contain_text("随访问卷…")
    saved(page)
    expect(page.locator("#panel-menu")).to_contain_text("名称太长，最多4个汉字")
    page.get_by_label("第2个菜单").get_by_label("名称").fill("做问卷")
    saved(page)
    expect(page.locator("#panel-menu")).not_to_contain_text("名称太长")
    menu.get_by_role("button", name="预约就诊").click()
    expect(menu.get_by_role("button", name="预约挂号")).to_be_visible()
    page.get_by_role("tab", name="欢迎语").click()
    page.get_by_label("患者关注以后看到的第一句话").fill("欢迎来到云江市示范医院！")
    expect(page.locator("#preview-log")).to_contain_text("欢迎来到云江市示范医院！")
    add_rule(page, "停车，停车费", "停车场在门诊楼北侧，前2小时免费。")
    page.get_by_label("试着发一句话").fill("请问停车场在哪")
    page.keyboard.press("Enter")
    expect(page.locator("#preview-log")).to_contain_text("停车场在门诊楼北侧")
    page.get_by_label("试着发一句话").fill("几点上班")
    page.keyboard.press("Enter")
    expect(page.locator("#preview-log")).to_contain_text("由机器人来答")
    saved(page)
    keep_picture(page, "console-keywords")


def test_publishing_reaches_the_account(site: StaffSite, page: Page) -> None:
    add_rule(page, "停车", "停车场在门诊楼北侧")
    page.get_by_role("tab", name="菜单").click()
    page.get_by_label("第2个菜单").get_by_label("点了之后").select_option("打开网页")
    page.get_by_label("第2个菜单").get_by_label("网址").fill("https://hospital.example/guide")
    publish(page, "加了停车")
    assert site.sim.rules.menu is not None
    assert site.sim.rules.menu["button"][1] == {
        "type": "view",
        "name": "我的随访",
        "url": "https://hospital.example/guide",
    }
    assert site.live.keyword_reply("hospital", "停车场在哪") == "停车场在门诊楼北侧"
    expect(page.locator("#console-status")).to_contain_text("和线上版本一样")
    expect(page.get_by_role("button", name="发布", exact=True)).to_be_disabled()


def test_what_is_unfinished_is_pointed_at(site: StaffSite, page: Page) -> None:
    page.get_by_role("tab", name="关键词回复").click()
    expect(page.locator("#panel-keywords")).to_contain_text("还没有关键词回复")
    page.get_by_role("button", name="添加一条关键词回复").click()
    page.get_by_role("tab", name="菜单").click()
    page.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("请至少填写一个关键词")
    expect(page.locator("#panel-keywords")).to_be_visible()
    expect(page.get_by_label("关键词（")).to_be_focused()
    assert site.sim.rules.menu is None


def test_undo_and_discard_lose_nothing(page: Page) -> None:
    parts = page.locator("#panel-menu > .console-item")
    expect(parts).to_have_count(3)
    page.get_by_role("button", name="第1个菜单 删除").click()
    expect(parts).to_have_count(2)
    page.get_by_role("button", name="撤销", exact=True).click()
    expect(parts).to_have_count(3)
    expect(page.locator("#preview-menu")).to_contain_text("预约就诊")
    page.get_by_role("button", name="第1个菜单 下移").click()
    expect(page.locator("#preview-menu .console-menu-part").first).to_contain_text("我的随访")
    saved(page)
    page.get_by_role("button", name="放弃改动").click()
    expect(page.locator("#preview-menu .console-menu-part").first).to_contain_text("预约就诊")
    page.get_by_role("button", name="撤销", exact=True).click()
    expect(page.locator("#preview-menu .console-menu-part").first).to_contain_text("我的随访")


def test_a_reload_shows_the_draft(page: Page) -> None:
    page.get_by_role("tab", name="欢迎语").click()
    page.get_by_label("患者关注以后看到的第一句话").fill("写到一半")
    saved(page)
    page.reload()
    page.get_by_role("tab", name="欢迎语").click()
    expect(page.get_by_label("患者关注以后看到的第一句话")).to_have_value("写到一半")
    expect(page.locator("#console-status")).to_contain_text("有改动还没发布")


def test_an_older_version_comes_back(site: StaffSite, page: Page) -> None:
    for text in ("第一版的话", "第二版的话"):
        page.get_by_role("tab", name="欢迎语").click()
        page.get_by_label("患者关注以后看到的第一句话").fill(text)
        publish(page)
        page.locator("#toasts > *").last.wait_for(state="detached")
    page.get_by_role("tab", name="历史版本").click()
    expect(page.locator("#panel-history ins")).to_contain_text("二")
    keep_picture(page, "console-history")
    page.get_by_role("button", name="换回这一版").click()
    page.get_by_role("button", name="确定换回").click()
    expect(page.locator("#toasts")).to_contain_text("已换回第1版")
    assert site.live.welcome("hospital") == "第一版的话"
    expect(page.locator("#panel-history")).to_contain_text("第3版")


def test_wechats_refusal_is_said_kindly(site: StaffSite, page: Page) -> None:
    site.client.account = WeChatAccount(
        "hospital", "wx1", "s1", ("t1",), mode="plain", base_url="http://127.0.0.1:9"
    )
    page.get_by_label("第2个菜单").get_by_label("名称").fill("做问卷")
    page.get_by_role("button", name="发布", exact=True).click()
    page.get_by_role("button", name="确定发布").click()
    expect(page.locator("#toasts")).to_contain_text("现在连不上微信")
    expect(page.locator("#console-status")).to_contain_text("有改动还没发布")


def test_two_editors_are_told_of_each_other(site: StaffSite, page: Page, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto(page.url)
    page.get_by_label("第2个菜单").get_by_label("名称").fill("甲改的")
    saved(page)
    other.get_by_label("第2个菜单").get_by_label("名称").fill("乙改的")
    expect(other.locator("#console-conflict")).to_contain_text("有人刚刚也改了")
    other.get_by_role("button", name="看他改的").click()
    expect(other.locator("#preview-menu")).to_contain_text("甲改的")
    other.get_by_role("button", name="撤销", exact=True).click()
    expect(other.locator("#preview-menu")).to_contain_text("乙改的")
    saved(other)


def test_a_broken_line_keeps_what_was_typed(page: Page, context: BrowserContext) -> None:
    context.set_offline(True)
    page.get_by_label("第2个菜单").get_by_label("名称").fill("断网了")
    expect(page.locator("#console-status")).to_contain_text("没有保存上，会自动再试")
    context.set_offline(False)
    saved(page)


def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_role("tab", name="菜单").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="欢迎语")).to_be_focused()
    expect(page.locator("#panel-welcome")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#panel-menu")).to_be_visible()


def test_a_narrow_screen_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size(NARROW)
    expect(page.locator("#preview-menu")).to_contain_text("预约就诊")
    for name in ("菜单", "欢迎语", "关键词回复", "历史版本"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.get_by_role("tab", name="菜单").click()
    keep_picture(page, "console-narrow")


def test_a_binding_code_is_shown_and_followed(site: StaffSite, context: BrowserContext) -> None:
    page = open_as(context, site, "nurse", "/ops/qr")
    expect(page.get_by_text("今天还没有出过二维码")).to_be_visible()
    page.get_by_label("病历号").fill("D0000001")
    page.get_by_label("患者是扫码人的").select_option("母亲")
    page.get_by_role("button", name="生成二维码").click()
    code = page.get_by_alt_text("绑定就诊卡的二维码")
    expect(code).to_be_visible()
    assert page.evaluate("document.querySelector('#code img').naturalWidth") > 100
    expect(page.locator("#code")).to_contain_text("等待扫码")
    keep_picture(page, "qr-wide")
    site.clock.advance(LIFE)
    expect(page.locator("#code")).to_contain_text("已过期")
    expect(code).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(site: StaffSite, chromium: Browser, scheme: Any, size: Any) -> None:
    context = chromium.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", locale="zh-CN", bypass_csp=True
    )
    context.set_default_timeout(30_000)
    page = open_as(context, site, "operator", "/ops/wechat/hospital")
    add_rule(page, "停车", "")
    saved(page)
    for name in ("菜单", "欢迎语", "关键词回复", "历史版本"):
        page.get_by_role("tab", name=name).click()
        assert violations(page, AXE) == [], name
        keep_picture(
            page,
            f"console-{['菜单', '欢迎语', '关键词回复', '历史版本'].index(name)}-{scheme}-{size['width']}",
        )
    page.goto(f"{site.url}/ops/qr")
    page.get_by_label("病历号").fill("D0000001")
    page.get_by_role("button", name="生成二维码").click()
    expect(page.get_by_alt_text("绑定就诊卡的二维码")).to_be_visible()
    assert violations(page, AXE) == []
    keep_picture(page, f"qr-{scheme}-{size['width']}")
    context.close()
