"""Audiences in a real Chromium: built with the keyboard alone, counted while it takes long, explained, saved; axe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care.seed import seed_into
from content.audiences import service
from content.audiences.seed import seed_samples
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import staff
from tests.content.audiences.site import audience_app
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


class Desk:
    """The running pages over the demo hospital."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock) -> None:
        self.running, self.url = running, running.url
        self.tokens = running.run(staff(database))

        async def demo() -> None:
            async with database.write("demo") as session:
                await seed_into(session, clock)
                await seed_samples(session, clock.now())

        running.run(demo())


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Desk]:
    path = tmp_path / "audiences.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(audience_app(database, clock)) as running:
        yield Desk(running, database, clock)
        running.run(database.close())


def signed_in(desk: Desk, chromium: Browser, size: Any = None, **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.tokens["editor"], "url": desk.url}])
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    """An editor's page; fails the test on a script error, a policy violation, a request that leaves the site."""
    context = signed_in(desk, chromium)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    if not os.environ.get("BANYI_SHOTS"):  # a screenshot is taken with a style of its own
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((desk.url, "data:")) else problems.append(sent.url),
    )
    yield page
    context.close()
    assert not problems


def add(page: Page, kind: str) -> None:
    """Pick a kind and add it, by keys alone."""
    page.locator("#kind").select_option(kind)
    page.locator("#kind").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def test_an_audience_is_built_by_keyboard_counted_and_explained(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/audiences/new")
    add(page, "condition")
    expect(page.locator('[id="v.0.codes-add"]')).to_be_focused()
    page.keyboard.type("2型糖尿病")
    page.keyboard.press("Enter")
    expect(page.locator(".aud-chip")).to_have_text("2型糖尿病（E11）×")
    expect(page.locator("#sentence")).to_have_text("患有2型糖尿病（E11）的患者")
    expect(page.locator("#count .ops-number")).not_to_have_text("0")
    page.locator('[id="v.0.at_most"]').fill("30")
    page.keyboard.press("Tab")
    expect(page.locator("#sentence")).to_have_text("30天内确诊2型糖尿病（E11）的患者")
    add(page, "reading")
    page.locator('[id="v.1.negate"]').select_option("yes")
    page.locator('[id="v.1.topics-add"]').select_option("diabetes")
    page.locator('[id="v.1.topics-more"]').press("Enter")
    expect(page.locator("#sentence")).to_have_text(
        "30天内确诊2型糖尿病（E11），并且没有读过“糖尿病”主题的文章的患者"
    )
    expect(page.get_by_text("其中几位")).to_be_visible()
    shot(page, "built")
    page.get_by_placeholder("病历号、手机号或姓名").fill("陈建国")
    page.get_by_role("button", name="查一查").press("Enter")
    expect(page.locator("#why")).to_contain_text("在这个人群里")
    expect(page.locator("#why")).to_contain_text("20天前")
    expect(page.locator("#why")).not_to_contain_text("陈建国")
    shot(page, "why")
    page.get_by_role("button", name="删除条件：文章阅读").press("Enter")
    expect(page.get_by_role("button", name="撤销")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".aud-leaf")).to_have_count(2)
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("请先给这个人群起个名字")
    page.get_by_label("人群名字").fill("新确诊糖友")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status").first).to_contain_text("已保存为第1版")
    expect(page.get_by_role("heading", name="新确诊糖友")).to_be_visible()
    page.goto(f"{desk.url}/content/audiences")
    expect(page.get_by_role("link", name="新确诊糖友")).to_be_visible()


def test_a_long_count_shows_that_it_is_under_way(
    desk: Desk, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, go = service.count, asyncio.Event()

    async def slow(*given: Any) -> int:
        await go.wait()
        return await real(*given)

    monkeypatch.setattr(service, "count", slow)
    page.goto(f"{desk.url}/content/audiences/new")
    add(page, "everyone")
    expect(page.get_by_text("正在统计，已经数了")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    shot(page, "counting")
    desk.running.loop.call_soon_threadsafe(go.set)
    expect(page.locator("#count .ops-number")).to_have_text("200")


def shot(page: Page, name: str) -> None:
    """`BANYI_SHOTS`: a folder for pictures to look at."""
    if os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(os.environ["BANYI_SHOTS"]) / f"audience-{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(desk: Desk, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    for size in (WIDE, NARROW):
        context = signed_in(desk, chromium, size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()

        def sound(name: str, page: Page = page, size: Any = size) -> None:
            page.wait_for_load_state("networkidle")
            shot(page, f"{name}-{scheme}-{size['width']}")
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name

        page.goto(f"{desk.url}/content/audiences?archived=true")
        sound("nothing")
        page.goto(f"{desk.url}/content/audiences")
        sound("list")
        page.get_by_role("link", name="重点关照").click()
        expect(page.locator("#count .ops-number")).to_be_visible()
        page.locator("#group").click()
        page.get_by_placeholder("病历号、手机号或姓名").fill("吴桂英")
        page.get_by_role("button", name="查一查").click()
        expect(page.locator("#why")).to_contain_text("在这个人群里")
        for number, kind in enumerate(("visit", "answer", "sex", "pregnancy"), 3):
            page.locator("#kind").select_option(kind)
            page.locator("#add").click()
            expect(page.locator(".aud-leaf")).to_have_count(number)
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_role("alert")).to_be_visible()
        sound("wrong")
        context.close()
