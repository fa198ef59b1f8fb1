"""Alerts in a real Chromium over the whole application: an emergency written on WeChat stands on the desk; keys, undo, axe.

`BANYI_SHOTS` names a folder for pictures. How long it took is printed; nothing is asserted about it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care.seed import demo_patients
from store import crypto
from store.database import Database
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.fuzz.served import Served, served
from web.build import ROOT
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
OPENID = next(
    address for one in demo_patients() for channel, address, _ in one.contacts if channel == "wechat"
)
LONG = 30_000
"""Milliseconds a busy machine may take."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("ward"), workers=True) as running:
        yield running


@pytest.fixture(scope="module")
def nurse(house: Served) -> str:
    """A nurse's session."""

    async def made() -> str:
        database, before = Database(house.settings.database), crypto._current
        crypto.install(house.settings.secrets.keyring)
        tokens = await staff(database, Role.NURSE)
        await database.close()
        crypto._current = before
        return tokens[Role.NURSE]

    return asyncio.run(made())


@pytest.fixture
def context(house: Served, nurse: str, chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport=WIDE, locale="zh-CN", bypass_csp=True)
    opened.add_cookies([{"name": SESSION_COOKIE, "value": nurse, "url": house.url}])
    yield opened
    opened.close()


def says(house: Served, text: str) -> None:
    address = f"{house.url}/sim/wechat/_sim/users/{OPENID}/text"
    requests.post(address, json={"text": text}, timeout=30).raise_for_status()


def test_an_emergency_stands_on_the_desk_and_is_seen_to(house: Served, context: BrowserContext) -> None:
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{house.url}/desk/alerts")
    expect(page.get_by_text("现在没有要处理的预警")).to_be_visible()
    for number, text in enumerate(("我胸口压得慌，喘不上气，出冷汗", "我不想活了"), 1):
        began = time.monotonic()
        says(house, text)
        expect(page.get_by_text(text)).to_be_visible(timeout=LONG)
        print(f"\nalert {number} visible {time.monotonic() - began:.2f} s after it was written")
    expect(page.locator(".alert-timer").first).to_contain_text("内要有人接手")
    expect(page).to_have_title("(2) 预警 · 伴医", timeout=LONG)
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    page.locator("details").first.locator("summary").click()
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        keep_picture(page, f"alerts-{size['width']}")
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.set_viewport_size(WIDE)
    _by_keyboard(page)
    _closed_and_taken_back(page)
    assert problems == []


def _by_keyboard(page: Page) -> None:
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.get_by_text("已由您接手。")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="我来处理")).to_have_count(1)


def _something_happens(page: Page) -> None:
    """The desk's live line tells of a change just when the hand is on its way from the list to the button."""
    page.evaluate("document.activeElement.blur()")
    with page.expect_response("**/desk/alerts/list?*"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('desk:alerts'))")
    page.evaluate("new Promise(requestAnimationFrame)")


def _closed_and_taken_back(page: Page) -> None:
    mine = page.locator("[data-alert]").last
    mine.get_by_text("处理完、转给同事、备注").click()
    mine.get_by_label("结果").select_option(label="其他（请写明）")
    _something_happens(page)
    expect(mine.get_by_label("结果")).to_have_value("other")
    mine.get_by_role("button", name="处理完").click()
    expect(page.get_by_text("选“其他”时请写明处理情况")).to_be_visible(timeout=LONG)
    mine.get_by_text("处理完、转给同事、备注").click()
    mine.get_by_role("button", name="处理完").click()
    expect(page.get_by_text("已标记为处理完。")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-alert]")).to_have_count(1)
    page.get_by_role("button", name="撤回“处理完”").click()
    expect(page.get_by_text("已撤回，这条还由您负责。")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-alert]")).to_have_count(2)


def test_the_overview_shows_them_too(house: Served, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{house.url}/desk")
    says(house, "我爸突然半边身子动不了，说话不清楚")
    expect(page.get_by_text("半边身子动不了")).to_be_visible(timeout=LONG)
