"""The day's calls in a real Chromium: taken and ended by keyboard, taken back; a phone's width; axe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from care.followup.lost import Sweep
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.conftest import build
from tests.care.followup.site import a_morning, calls_app
from tests.care.followup.test_lost import Writes, chronic
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
    path = tmp_path / "calls.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")

    async def life() -> None:
        async with database.write("a hospital") as session:
            world = await build(session, clock)
        await a_morning(database, clock, world)
        await chronic(database, world, world.lijing, date(2026, 6, 1))
        await Sweep(database, clock, Writes()).run()

    with served(calls_app(database, clock)) as running:
        running.run(life())
        tokens = running.run(staff(database, Role.NURSE, Role.DOCTOR))
        yield Ops(running, database, clock, tokens)
        running.run(database.close())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_rung_by_keyboard_and_taken_back(site: Ops, chromium: Browser, size: Any, tmp_path: Path) -> None:
    """Axe needs the policy on scripts lifted: the wide page is looked at with it, the narrow one by axe."""
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    checked = size is NARROW
    with signed_in(site, chromium, "nurse", size, bypass_csp=checked) as context:
        page = context.new_page()
        page.goto(f"{site.url}/desk/calls", wait_until="load")
        first = page.locator("[data-line]").first
        expect(first.get_by_role("link", name="王秀兰")).to_be_visible()
        page.screenshot(path=tmp_path / f"calls-{size['width']}.png", full_page=True)
        first.get_by_text("话术（照着说）").click()
        assert not checked or violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "nothing hangs over the edge"
        )
        first.get_by_role("link", name="王秀兰").focus()
        page.keyboard.press("4")
        expect(first.get_by_label("拒访")).to_be_checked()
        first.get_by_role("button", name="记下").click()
        expect(page.get_by_text("已记：拒访")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("今天打完 1 个，还剩 2 个")).to_be_visible()
        page.screenshot(path=tmp_path / f"refused-{size['width']}.png", full_page=True)
        page.get_by_role("button", name="撤回结果").click()
        expect(page.get_by_text("已撤回")).to_be_visible(timeout=30_000)
        person = first.get_by_role("link", name="王秀兰").get_attribute("href")
        page.goto(f"{site.url}{person}/reminders")
        expect(page.get_by_role("heading", name="提醒：王秀兰")).to_be_visible()
        assert not checked or violations(page, axe) == []
        page.screenshot(path=tmp_path / f"reminders-{size['width']}.png", full_page=True)
        page.goto(f"{site.url}/desk/calls/print")
        assert not checked or violations(page, axe) == []
        page.screenshot(path=tmp_path / f"print-{size['width']}.png", full_page=True)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_who_is_overdue_by_keyboard(site: Ops, chromium: Browser, size: Any, tmp_path: Path) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    checked = size is NARROW
    with signed_in(site, chromium, "doctor", size, bypass_csp=checked) as context:
        page = context.new_page()
        page.goto(f"{site.url}/desk/overdue", wait_until="load")
        card = page.locator("li.ops-card", has_text="李静")
        card.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(card.get_by_label("转到别处看了")).to_be_visible()
        page.screenshot(path=tmp_path / f"overdue-{size['width']}.png", full_page=True)
        assert not checked or violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over"
        card.get_by_label("转到别处看了").focus()
        page.keyboard.press("Space")
        card.get_by_role("button", name="记下").press("Enter")
        expect(page.get_by_text("已记：转到别处看")).to_be_visible()
        expect(page.get_by_text("现在没有超期未复查的患者。")).to_be_visible()
