"""A questionnaire on a phone, in a real Chromium: who it is, one question a screen, the network lost and back, to the end; axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.questionnaires.pages.ground import LAST4, Ground, answering_app, make_ground
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from web.build import ROOT

pytestmark = pytest.mark.browser

SIZE: Any = {"width": 375, "height": 700}
LIMIT = 40_000
"""Bytes of the page with everything it loads."""


class Site:
    """The running page, over one patient's check."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock) -> None:
        self.running, self.url = running, running.url
        self.ground: Ground = running.run(make_ground(database, clock))

    def link(self) -> str:
        return self.url + self.running.run(self.ground.link())

    def answers(self) -> dict[str, Any]:
        found: dict[str, Any] = self.running.run(self.ground.found()).answers
        return found


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Site]:
    path = tmp_path / "answering.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(answering_app(database, clock)) as running:
        yield Site(running, database, clock)
        running.run(database.close())


def phone(chromium: Browser, **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport=SIZE, locale="zh-CN", reduced_motion="reduce", **options)
    context.set_default_timeout(30_000)
    return context


def enter(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("后四位").fill(LAST4)
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_role("group", name="今天发烧吗")).to_be_visible()


def following(page: Page) -> None:
    page.get_by_role("button", name="下一题").click()


def test_answered_through_a_lost_network_to_the_end(site: Site, chromium: Browser) -> None:
    context = phone(chromium)
    page = context.new_page()
    problems: list[str] = []
    weights: dict[str, int] = {}
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if "Content Security" in line.text else None)
    page.on("request", lambda sent: None if sent.url.startswith(site.url) else problems.append(sent.url))
    enter(page, site.link())
    page.on("requestfinished", lambda sent: weights.update({sent.url: sent.sizes()["responseBodySize"]}))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert 1_000 < sum(weights.values()) <= LIMIT, weights

    following(page)
    expect(page.get_by_role("alert").filter(has_text="需要回答")).to_be_visible()
    page.get_by_text("是", exact=True).click()
    following(page)
    temperature = page.get_by_label("今天量的体温")
    expect(temperature).to_be_focused()
    expect(page.locator("[data-place]")).to_contain_text("第 2 题，共 5 题")
    temperature.fill("42.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="35℃ 到 41℃")).to_be_visible()
    keep(page, "doubt")
    temperature.fill("38.8")
    following(page)
    expect(page.locator(".alarm")).to_contain_text("体温我记下了")
    assert site.answers() == {"fever": True, "temperature": 38.8}

    context.set_offline(True)
    page.get_by_role("group", name="伤口疼得怎么样").get_by_text("有点疼").click()
    following(page)
    expect(page.get_by_text("现在没有网络")).to_be_visible()
    signs = page.get_by_role("group", name="伤口有下面的情况吗")
    signs.get_by_text("红肿").click()
    signs.get_by_text("以上都没有").click()
    expect(signs.get_by_label("红肿")).not_to_be_checked()
    keep(page, "offline")
    following(page)
    page.get_by_label("还有什么想告诉护士的").fill("都挺好")
    kept = page.evaluate("Object.values(localStorage).join()")
    assert len(kept) > 100
    assert "signs" not in kept, "what waits on the phone is sealed"
    assert len(site.answers()) == 2
    page.get_by_role("button", name="上一题").click()
    expect(signs.get_by_label("以上都没有")).to_be_checked()
    following(page)

    context.set_offline(False)
    page.get_by_label("还有什么想告诉护士的").fill("都挺好的")
    following(page)
    expect(page.get_by_role("heading", name="填完了，谢谢您")).to_be_visible()
    expect(page.get_by_role("heading", name="这次的结果")).to_be_visible()
    keep(page, "finished")
    assert site.answers() == {
        "fever": True,
        "temperature": 38.8,
        "pain": "1",
        "signs": ["3"],
        "comment": "都挺好的",
    }
    assert page.evaluate("localStorage.length") == 0
    context.close()
    assert not [one for one in problems if "ERR_INTERNET_DISCONNECTED" not in one]


def test_left_without_a_network_and_come_back_after_the_chat_went_on(site: Site, chromium: Browser) -> None:
    """What waited on the phone is sent at the next visit; what was answered in the chat meanwhile stays, and is shown."""
    context = phone(chromium)
    page = context.new_page()
    link = site.link()
    enter(page, link)
    context.set_offline(True)
    page.get_by_text("否", exact=True).click()
    following(page)
    page.get_by_role("group", name="伤口疼得怎么样").get_by_text("很疼").click()
    following(page)
    expect(page.get_by_role("group", name="伤口有下面的情况吗")).to_be_visible()
    page.close()
    site.running.run(site.ground.says("fever", "是"))
    context.set_offline(False)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_text("刚才在别处")).to_be_visible()
    temperature = page.get_by_label("今天量的体温")
    expect(temperature).to_be_visible()
    temperature.fill("37")
    following(page)
    expect(page.get_by_role("group", name="伤口有下面的情况吗")).to_be_visible()
    assert site.answers() == {"fever": True, "pain": "2", "temperature": 37}
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(site: Site, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    context = phone(chromium, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()

    def check(name: str) -> None:
        keep(page, f"{name}-{scheme}")
        assert violations(page, axe) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZE["width"], name

    page.goto(f"{site.url}/q")
    check("code")
    page.goto(f"{site.url}/q/{'x' * 16}")
    check("unknown")
    link = site.link()
    page.goto(link)
    check("who")
    enter(page, link)
    check("first")
    page.get_by_text("是", exact=True).click()
    following(page)
    expect(page.get_by_label("今天量的体温")).to_be_visible()
    page.get_by_label("今天量的体温").fill("39")
    following(page)
    expect(page.locator(".alarm")).to_be_visible()
    check("alarm")
    page.get_by_text("很疼").click()
    following(page)
    expect(page.get_by_text("裂开")).to_be_visible()
    page.get_by_text("裂开").click()
    following(page)
    expect(page.get_by_role("link", name="拨打120")).to_be_visible()
    check("emergency")
    page.get_by_role("button", name="先停一下").click()
    check("paused")
    context.close()


def keep(page: Page, name: str) -> None:
    """`BANYI_SHOTS`: a folder for pictures to look at."""
    if os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(os.environ["BANYI_SHOTS"]) / f"answering-{name}.png", full_page=True)
