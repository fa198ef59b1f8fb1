"""A patient found with the keyboard and opened in a real Chromium: the timeline filtered, a number shown, a link removed and
brought back; a phone's width; axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.conftest import build
from tests.care.patients.site import ANSWERED, FEVER, a_life, patients_app
from tests.channels.ops.site import staff
from tests.e2e.test_ops_pages import NARROW, WIDE, Ops, signed_in
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import served
from web.build import ROOT
from web.signin.models import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Ops]:
    path = tmp_path / "patients.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")

    async def life() -> None:
        async with database.write("a hospital") as session:
            world = await build(session, clock)
        await a_life(database, clock, world)

    with served(patients_app(database, clock)) as running:
        running.run(life())
        tokens = running.run(staff(database, Role.NURSE, Role.ADMIN))
        yield Ops(running, database, clock, tokens)
        running.run(database.close())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_searched_opened_and_put_right(site: Ops, chromium: Browser, size: Any, shots: Path) -> None:
    """Axe needs the policy on scripts lifted: the wide page is looked at with it, the narrow one by axe."""
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    checked = size is NARROW

    def found() -> object:
        return violations(page, axe) if checked else []

    with signed_in(site, chromium, "nurse", size, bypass_csp=checked) as context:
        page = context.new_page()
        page.goto(f"{site.url}/desk/patients")
        page.keyboard.type("秀兰")
        page.keyboard.press("Enter")
        expect(page.get_by_text("王*兰")).to_be_visible()
        assert found() == []
        page.screenshot(path=shots / f"search-{size['width']}.png")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="王秀兰")).to_be_visible()
        lines = page.locator("#timeline")
        expect(lines.get_by_text(FEVER).first).to_be_visible()
        assert found() == []
        page.screenshot(path=shots / f"record-{size['width']}.png", full_page=True)
        page.get_by_role("button", name="显示手机").click()
        expect(page.get_by_text("19900000001")).to_be_visible()
        lines.get_by_role("button", name="预警", exact=True).click()
        expect(lines.get_by_text(ANSWERED)).to_have_count(0)
        expect(lines.get_by_text(FEVER)).to_be_visible()
        page.get_by_role("button", name="现在试算一次").click()
        expect(page.get_by_text("没有取得对这类消息的同意").first).to_be_visible()
        page.get_by_label("加标签", exact=True).fill("术后一周")
        page.get_by_role("button", name="加标签").click()
        page.locator("#tags").get_by_role("button", name="撤销").click()
        expect(page.locator("#tags").get_by_text("还没有标签")).to_be_visible()
        page.get_by_text("更改", exact=True).first.click()
        page.get_by_role("button", name="移除", exact=True).first.click()
        page.get_by_role("dialog").get_by_role("button", name="移除").click()
        page.get_by_role("button", name="撤销移除").click()
        expect(page.get_by_text("已恢复")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "nothing hangs over the edge"
        )
        assert found() == []
        page.screenshot(path=shots / f"after-{size['width']}.png", full_page=True)
        page.goto(page.url.split("?")[0] + "/print")
        assert found() == []
        page.emulate_media(media="print")
        page.screenshot(path=shots / f"print-{size['width']}.png", full_page=True)


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    return tmp_path
