"""The editors' page of plans in a real Chromium: the timeline by keyboard, a step added and moved, undo, played, published by another; axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server.house import build
from server.settings import load_settings
from server.timemachine.running import TimeMachine
from server.timemachine.shipped import furnish
from store.clock import VirtualClock
from store.crypto import Keyring
from tests.care.plans.editor.site import HOME, editor_app
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.test_questionnaires_page import AXE, NARROW, WIDE, Site, opened
from tests.e2e.threaded import served

pytestmark = pytest.mark.browser
PLAYED = 150_000
"""Milliseconds a plan may be played for, where the machine is busy."""


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Site]:
    path = tmp_path / "plans.db"
    path.write_bytes(sqlite_template.read_bytes())
    settings = load_settings().model_copy(
        update={"database_url": f"sqlite+aiosqlite:///{path}", "redis_url": ""}
    )
    house = build(settings, clock)
    machine = TimeMachine(house)
    with served(editor_app(house.database, clock, machine)) as running:
        running.run(furnish(house))
        running.run(house.templates.sync())
        yield Site(running.url, running.run(staff(house.database)))
        running.run(house.close())
        machine.close()


def looked_at(page: Page, name: str) -> None:
    """Both widths: nothing for axe, nothing that runs off a phone."""
    for size, width in ((NARROW, "375"), (WIDE, "1280")):
        page.set_viewport_size(size)
        keep_picture(page, f"plans-{name}-{width}")
        assert violations(page, AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)


def test_the_whole_page(site: Site, chromium: Browser) -> None:
    problems: list[str] = []
    page = opened(site, chromium, "editor", problems)
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page.goto(f"{site.url}{HOME}")
    expect(page.get_by_role("heading", name="血压随访")).to_be_visible()
    looked_at(page, "list")
    page.get_by_role("link", name="血压随访").click()
    expect(page.get_by_text("由医院审核、签发后才会给患者用")).to_be_visible()
    looked_at(page, "one")

    page.get_by_role("button", name="修改", exact=True).click()
    mark = page.get_by_role("link", name="第10天 16:00 文章：少吃盐")
    mark.focus()
    page.keyboard.press("Enter")
    page.get_by_label("第几天").fill("12")
    looked_at(page, "step")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("“少吃盐”从第10天改到第12天")).to_be_visible()
    page.get_by_role("button", name="推后一周：第1周记录").click()
    expect(page.get_by_role("link", name="第14天 10:00 问卷：第1周记录")).to_be_attached()
    page.get_by_role("button", name="撤销上一步修改").click()
    expect(page.get_by_role("link", name="第7天 10:00 问卷：第1周记录")).to_be_attached()

    page.get_by_role("button", name="试跑 90 天").click()
    expect(page.locator("#trial").get_by_text("天用了")).to_be_visible(timeout=PLAYED)
    expect(page.locator("#trial svg")).to_have_count(1)
    page.get_by_text("逐条文字").click()
    expect(page.locator("#trial pre")).to_contain_text("短信送达")
    page.get_by_label("和已发布的比").check()
    page.get_by_role("button", name="再跑一次").click()
    expect(page.locator("#apart")).to_contain_text("少吃盐", timeout=PLAYED)
    with page.expect_download() as kept:
        page.get_by_role("link", name="下载文字").click()
    assert kept.value.suggested_filename == "hypertension-1.1-90.txt"
    looked_at(page, "draft")
    page.get_by_label("患者（一行一位）").fill("sleepy")
    page.get_by_role("button", name="再跑一次").click()
    expect(page.locator("#trial").get_by_role("alert")).to_contain_text("sleepy")

    page.get_by_role("button", name="提交", exact=True).click()
    expect(page.get_by_text("随访计划要由临床审核员发布")).to_be_visible()
    reviewer = opened(site, chromium, "clinical_reviewer", problems)
    reviewer.goto(f"{site.url}{HOME}/hypertension/draft")
    reviewer.get_by_role("button", name="看过了，发布").click()
    reviewer.get_by_label("签发（科室或负责人）").fill("心血管内科主任")
    looked_at(reviewer, "publish")
    reviewer.get_by_role("dialog").get_by_role("button", name="发布", exact=True).click()
    expect(reviewer.get_by_text("心血管内科主任 签发").first).to_be_visible()
    assert problems == []
