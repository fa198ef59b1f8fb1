"""The nurse's phone page in a real Chromium: digits and Enter from the first question to the last; how it looks; axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.questionnaires.pages.ground import Ground, make_ground
from tests.care.questionnaires.pages.test_desk import HOME, desk_app
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.threaded import served
from web.build import ROOT
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


@pytest.fixture
def desk(
    tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock, chromium: Browser
) -> Iterator[tuple[Page, Ground, Any]]:
    path = tmp_path / "phone.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(desk_app(database, clock)) as running:
        ground: Ground = running.run(make_ground(database, clock))
        token = running.run(staff(database, Role.NURSE))[Role.NURSE]
        context = chromium.new_context(viewport=WIDE, locale="zh-CN", bypass_csp=True, base_url=running.url)
        context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": running.url}])
        context.set_default_timeout(30_000)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page, ground, running
        context.close()
        running.run(database.close())
    assert not problems


def looks_right(page: Page, name: str) -> None:
    """Wide and narrow: nothing sticks out, axe finds nothing."""
    for size, how in ((NARROW, "narrow"), (WIDE, "wide")):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, how)
        keep_picture(page, f"{name}-{how}")
    assert violations(page, AXE) == [], name


def test_a_call_from_the_list_to_the_last_answer(desk: tuple[Page, Ground, Any]) -> None:
    page, ground, running = desk
    page.goto(HOME)
    looks_right(page, "questionnaires")
    page.get_by_role("link", name="欧**棠").click()
    looks_right(page, "response")
    page.get_by_role("link", name="打电话问").click()
    expect(page.get_by_text("请问是欧阳海棠本人")).to_be_visible()
    looks_right(page, "phone-first")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    number = page.get_by_role("textbox", name="今天量的体温")
    expect(number).to_be_focused()
    number.fill("42.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("35℃ 到 41℃")
    looks_right(page, "phone-doubt")
    page.get_by_role("textbox", name="今天量的体温").fill("39")
    page.get_by_role("button", name="患者确认没错").click()
    expect(page.get_by_role("alert")).to_contain_text("预警已经建立")
    expect(page.get_by_text("1，不疼；2，有点疼；3，很疼")).to_be_visible()
    looks_right(page, "phone-alert")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="伤口有下面的情况吗")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("2")
    expect(page.get_by_label("红肿")).to_be_checked()
    expect(page.get_by_label("流脓")).not_to_be_checked()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="跳过").click()
    expect(page.get_by_role("heading", name="问完了")).to_be_visible()
    looks_right(page, "phone-done")
    found = running.run(ground.found())
    assert (found.status, found.channel) == ("completed", "phone")
    assert found.answers == {"fever": True, "temperature": 39, "pain": "1", "signs": ["0"], "comment": None}
