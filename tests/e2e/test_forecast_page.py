"""The forecast in a real Chromium: another stretch and department, hours that make a day over-full, a file; axe at both sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import staff
from tests.content.insight.forecast.test_forecast import fill
from tests.content.insight.site import insight_app
from tests.e2e.test_insight_page import NARROW, WIDE, shot
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from web.build import ROOT
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def site(
    tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock
) -> Iterator[tuple[Running, str]]:
    path = tmp_path / "forecast.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(insight_app(database, clock)) as running:
        token = running.run(staff(database, Role.OPERATOR))["operator"]
        running.run(fill(database, clock))
        yield running, token
        running.run(database.close())


def opened(site: tuple[Running, str], chromium: Browser, size: Any, **options: Any) -> Page:
    running, token = site
    context = chromium.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": running.url}])
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.set_default_navigation_timeout(60_000)
    return page


def test_looked_at_planned_with_and_downloaded(site: tuple[Running, str], chromium: Browser) -> None:
    expect.set_options(timeout=60_000)
    url = site[0].url
    page = opened(site, chromium, WIDE, bypass_csp=True)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.goto(f"{url}/insight")
    page.get_by_role("link", name="预测").click()
    expect(page.locator("#as-of")).to_contain_text("2026-11-22 至 2026-12-19")
    expect(page.locator(".insight-chart canvas")).to_have_count(4)
    expect(page.get_by_role("heading", name="内分泌科", exact=True)).to_be_visible()
    page.get_by_label("看多远").select_option("未来 2 周")
    expect(page.locator("#as-of")).to_contain_text("2026-12-05")
    for name in ("星期一", "星期二", "星期三", "星期四", "星期五"):
        page.get_by_label(name, exact=True).fill("1")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status").first).to_contain_text("可用工时已保存")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    tuesday = page.get_by_role("region", name="电话随访要多少工时的数字").get_by_role("row", name="11-24")
    expect(tuesday).to_contain_text("1 小时")
    with page.expect_download() as found:
        page.locator('a[href^="/insight/forecast/csv/departments"]').click()
    assert "内分泌科" in Path(found.value.path()).read_text("utf-8-sig")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        shot(page, f"forecast-{size['width']}")
        assert violations(page, AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_label("细看科室").select_option("心血管内科")
    expect(page.get_by_text("只有 5 周就诊历史，不到 6 周，不作预测")).to_be_visible()
    page.get_by_label("星期一", exact=True).fill("很多")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("没有保存")
    expect(page.get_by_label("星期一", exact=True)).to_have_value("1")
    assert not problems
    page.context.close()
