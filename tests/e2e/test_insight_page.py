"""The pages of insight in a real Chromium: numbers and pictures, a comparison, a report made and downloaded, a click that begins an
article; axe at both sizes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import staff
from tests.content.feedback.test_pages import articles_of, asked
from tests.content.insight.site import insight_app
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from tests.factories.outreach import Town, town
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


class Desk:
    """The running pages over a month with two campaigns, one of which helped."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock) -> None:
        self.running, self.url = running, running.url
        self.tokens = running.run(staff(database))
        running.run(self._fill(database, clock))

    async def _fill(self, database: Database, clock: VirtualClock) -> None:
        async with database.write("town") as session:
            of = await town(session, clock, people=240)
            month(of)
        await articles_of(database, clock, of)
        await asked(database, clock)


def month(of: Town) -> None:
    """Everybody is planned for both campaigns. Who booked was mostly sent the first; of the second it is a matter of chance."""
    now = of.clock.now()
    begun = now - timedelta(days=18)
    for name, audience, one_of in (("控糖第一周", 0, 3), ("流感疫苗怎么打", 1, 4)):
        campaign = of.campaign(name, audience=audience, holdout_percent=100 // one_of)
        for number, patient in enumerate(of.patients):
            held = number % one_of == 0
            of.recipient(campaign, patient, begun, "held_out" if held else "delivered", "ab"[number % 2])
            if not held and number % 4:
                ends = begun + timedelta(hours=3) if number % 2 else None
                of.read(patient, of.articles[0], begun + timedelta(hours=2), campaign, finished_at=ends)
    for number, patient in enumerate(of.patients):
        if (number % 3 and number % 5 < 2) or number % 7 == 0:
            status = "noshow" if number % 5 == 0 else "fulfilled"
            made = begun + timedelta(days=1)
            of.appointment(patient, now - timedelta(days=2), made, status, number % 2)
    for number, patient in enumerate(of.patients):
        if number % 3:
            of.agreed(patient)
        at = now - timedelta(days=1 + number % 15, minutes=number)
        of.wrote(patient, at)
        of.answers(patient, at, "completed" if number % 6 else "stopped", 1 + (number * 7) % 5)
        of.said(of.articles[number % 3], at, number % 4 != 0)
        of.sent(patient, of.articles[number % 3], at)
        if number % 7 == 0:
            of.task(patient, at)
            of.staff_wrote(patient, at + timedelta(minutes=3 + number % 40))


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Desk]:
    path = tmp_path / "insight.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    app = insight_app(database, clock)
    with served(app) as running:
        working = asyncio.run_coroutine_threadsafe(app.state.worker.run(), running.loop)
        made = Desk(running, database, clock)
        yield made
        working.cancel()
        running.run(database.close())


def opened(desk: Desk, chromium: Browser, size: Any, **options: Any) -> Page:
    context = chromium.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.tokens["editor"], "url": desk.url}])
    context.set_default_timeout(30_000)
    return context.new_page()


def shot(page: Page, name: str) -> None:
    """`BANYI_SHOTS`: a folder for pictures to look at."""
    if folder := os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(folder) / f"insight-{name}.png", full_page=True)


def test_read_compared_reported_and_acted_on(desk: Desk, chromium: Browser) -> None:
    page = opened(desk, chromium, WIDE)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if "Content Security" in line.text else None)
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((desk.url, "data:")) else problems.append(sent.url),
    )
    page.goto(f"{desk.url}/insight")
    expect(page.locator("#as-of")).to_contain_text("统计截至 2026-11-22 09:00")
    expect(page.locator(".insight-chart canvas")).to_have_count(3)
    page.get_by_role("link", name="推送效果").click()
    table = page.get_by_role("region", name="推送一步一步到哪里的数字")
    expect(table.get_by_role("row", name="合计")).to_contain_text("340")
    page.get_by_label("和对照比").select_option("预约了就诊")
    expect(page.get_by_role("row", name="控糖第一周").last).to_contain_text("推送有帮助")
    expect(page.get_by_role("row", name="流感疫苗怎么打").last).to_contain_text("看不出差别")
    with page.expect_download() as found:
        page.locator('a[href^="/insight/csv/lift"]').click()
    assert "推送有帮助" in Path(found.value.path()).read_text("utf-8-sig")

    page.get_by_role("link", name="月报").click()
    page.get_by_label("月份").select_option("2026 年 11 月")
    page.get_by_role("button", name="开始做").click()
    expect(page.get_by_role("status").first).to_contain_text("已开始做月报")
    with page.expect_download() as found:
        page.locator('a[href="/insight/reports/2026-11"]').click()
    assert found.value.suggested_filename == "云江市示范医院-患者教育月报-2026-11.pdf"
    assert Path(found.value.path()).read_bytes().startswith(b"%PDF")

    page.goto(f"{desk.url}/content/feedback")
    page.get_by_role("button", name="写成文章").click()
    expect(page.get_by_label("标题", exact=True)).to_have_value("打胰岛素能坐飞机吗？")
    assert not problems
    page.context.close()


@pytest.mark.parametrize(("scheme", "sizes"), [("light", (WIDE, NARROW)), ("dark", (NARROW,))])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    desk: Desk, chromium: Browser, scheme: Any, sizes: tuple[Any, ...]
) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    paths = {
        "overview": "/insight",
        "campaigns": "/insight/campaigns?outcome=booked",
        "articles": "/insight/articles",
        "visits": "/insight/visits",
        "talks": "/insight/talks",
        "nothing": "/insight/campaigns?month=2026-01",
        "reports": "/insight/reports",
        "feedback": "/content/feedback",
    }
    for size in sizes:
        page = opened(desk, chromium, size, color_scheme=scheme, bypass_csp=True)
        for name, path in list(paths.items())[: None if scheme == "light" else 2]:
            page.goto(f"{desk.url}{path}")
            if path.startswith("/insight") and name != "reports":
                expect(page.locator("#as-of")).to_be_visible()
            page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            shot(page, f"{name}-{scheme}-{size['width']}")
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        page.context.close()
