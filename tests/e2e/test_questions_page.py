"""The editors' question pages in a real Chromium: one click makes an entry that is found within seconds; undo; axe."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from content.faq.models import FaqEntry
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import staff
from tests.content.faq.people import asked
from tests.content.faq.site import GOOD, faq_app
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
FOUND_WITHIN = 5.0
"""Seconds after which a saved entry must be found: what the pages promise editors."""


class Desk:
    """The running pages; the index keeps itself fresh as in the house."""

    def __init__(self, running: Running, app: FastAPI, database: Database, clock: VirtualClock) -> None:
        self.running, self.app, self.database, self.clock = running, app, database, clock
        self.tokens = running.run(staff(database))
        self.url = running.url

        async def keep_fresh() -> asyncio.Task[None]:
            return asyncio.create_task(app.state.index.run())

        self.job = running.run(keep_fresh())

    def asked(self, *texts: str, by: str, days_ago: int = 0) -> None:
        self.running.run(asked(self.database, self.clock.now(), *texts, by=by, days_ago=days_ago))

    def found(self, text: str) -> list[str]:
        hits = self.running.run(self.app.state.index.search(text))
        return [hit.entry_id for hit in hits]

    def entries(self) -> list[FaqEntry]:
        async def work() -> list[FaqEntry]:
            async with self.database.read() as session:
                return list(await session.scalars(select(FaqEntry)))

        return self.running.run(work())


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Desk]:
    path = tmp_path / "faq.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    app = faq_app(database, clock)
    with served(app) as running:
        made = Desk(running, app, database, clock)
        for name in "abcde":
            made.asked("医院里有充电宝可以借吗", by=name, days_ago=ord(name) - ord("a"))
        made.asked("哪里可以借充电宝", by="f")
        made.asked("能带宠物狗进医院吗", by="g")
        yield made
        running.loop.call_soon_threadsafe(made.job.cancel)
        running.run(database.close())


def signed_in(desk: Desk, chromium: Browser, role: str = "editor", size: Any = None, **options: Any) -> Any:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.tokens[role], "url": desk.url}])
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    """An editor's page; fails the test on a script error, a policy violation, a request that leaves the site."""
    context: BrowserContext = signed_in(desk, chromium)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if "Content Security" in line.text else None)
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((desk.url, "data:")) else problems.append(sent.url),
    )
    yield page
    context.close()
    assert not problems


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"#{name}").fill(value)


def test_one_click_makes_an_entry_that_is_found_within_seconds(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/questions")
    expect(page.get_by_text("还没有没答上的问题")).to_be_visible()
    page.get_by_role("button", name="现在重新归类").click()
    cards = page.locator("ol > li")
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("6人问过")
    cards.first.get_by_role("link", name="做成条目").click()
    expect(page.get_by_label("问题", exact=True)).to_have_value("医院里有充电宝可以借吗？")
    expect(page.get_by_label("相似问法")).to_have_value("哪里可以借充电宝")
    meter = page.locator("#sms-meter")
    page.get_by_label("短信文字").fill("充" * 80)
    expect(meter).to_contain_text("已写 80 字")
    expect(meter).to_contain_text("2 条短信")
    fill(page, category=GOOD["category"], source=GOOD["source"], answer=GOOD["answer"], sms="请看【公众号】")
    page.get_by_role("button", name="发布").click()
    expect(page.get_by_role("alert")).to_contain_text("短信厂商不让用“公众号”")
    expect(page.get_by_label("回答")).to_have_value(GOOD["answer"])
    page.get_by_label("短信文字").fill(GOOD["sms"])
    page.get_by_role("button", name="发布").click()
    expect(page.get_by_role("status").first).to_contain_text("已发布")
    saved = time.monotonic()
    (entry,) = desk.entries()
    while entry.slug not in desk.found("充电宝在哪里借"):
        assert time.monotonic() - saved < FOUND_WITHIN
        time.sleep(0.1)
    page.goto(f"{desk.url}/content/questions")
    expect(cards).to_have_count(1)


def test_what_needs_no_answer_goes_and_comes_back(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/questions")
    page.get_by_role("button", name="现在重新归类").click()
    dog = page.locator("ol > li", has_text="能带宠物狗进医院吗")
    dog.get_by_role("button", name="不用回答").press("Enter")
    expect(dog).to_have_count(0)
    page.get_by_role("button", name="撤销").click()
    expect(dog).to_have_count(1)
    page.get_by_label("至少几个人问过").select_option("2")
    page.get_by_role("button", name="查找").click()
    expect(dog).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(desk: Desk, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    for size in (WIDE, NARROW):
        context = signed_in(desk, chromium, "admin", size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()

        def sound(name: str, page: Page = page, size: Any = size) -> None:
            page.wait_for_load_state("load")
            if os.environ.get("BANYI_SHOTS"):
                shot = Path(os.environ["BANYI_SHOTS"]) / f"faq-{name}-{scheme}-{size['width']}.png"
                page.screenshot(path=shot, full_page=True)
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name

        page.goto(f"{desk.url}/content/questions?state=answered")
        sound("nothing")
        page.goto(f"{desk.url}/content/questions")
        page.get_by_role("button", name="现在重新归类").click()
        sound("questions")
        page.get_by_role("link", name="做成条目").first.click()
        sound("form")
        page.get_by_role("button", name="发布").click()
        expect(page.get_by_role("alert")).to_be_visible()
        sound("wrong")
        fill(page, category=GOOD["category"], source=GOOD["source"], answer=GOOD["answer"], sms=GOOD["sms"])
        page.get_by_role("button", name="存草稿").click()
        sound("draft")
        page.goto(f"{desk.url}/content/faq?state=draft")
        sound("entries")
        page.goto(f"{desk.url}/content/faq/near")
        sound("near")
        context.close()
