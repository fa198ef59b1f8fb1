"""An audience put into a plan in a real Chromium: chosen by a nurse, looked at, confirmed twice, done, taken back; an editor may only look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from care.plans import publishing
from care.plans.joining import service as joining
from care.records.models import Encounter, EncounterKind
from content.audiences import service as audiences
from content.audiences.rules import Group
from server.plans import AudienceOffers
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.conftest import build
from tests.care.plans.editor.site import HOME, editor_app
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.test_questionnaires_page import AXE, NARROW, WIDE, Site, opened
from tests.e2e.threaded import Running, served

pytestmark = pytest.mark.browser
PLAN = f"{HOME}/post_discharge"
SLOW = 60_000


@pytest.fixture
def database(tmp_path: Path, sqlite_template: Path, keyring: Keyring) -> Database:
    path = tmp_path / "plans.db"
    path.write_bytes(sqlite_template.read_bytes())
    return Database(f"sqlite+aiosqlite:///{path}")


@pytest.fixture
def running(database: Database, clock: VirtualClock) -> Iterator[Running]:
    async def furnished() -> None:
        now, today = clock.now(), clock.local().date()
        async with database.write("furnished") as session:
            world = await build(session, clock)
            await publishing.publish_shipped(session, now)
            await audiences.create(session, name="近期出院", note="", rule=Group(), now=now, staff_id=None)
            for patient_id, ago in ((world.wang, 2), (world.lijing, 2), (world.zhang, 400)):
                day = today - timedelta(days=ago)
                session.add(
                    Encounter(
                        patient_id=patient_id, kind=EncounterKind.INPATIENT, department_id=world.eye,
                        start_date=day - timedelta(days=4), end_date=day,
                    )
                )  # fmt: skip

    with served(editor_app(database, clock)) as running:
        running.run(furnished())
        yield running
        running.run(database.close())


@pytest.fixture
def site(running: Running, database: Database) -> Site:
    return Site(running.url, running.run(staff(database)))


def looked_at(page: Page, name: str) -> None:
    for size, width in ((NARROW, "375"), (WIDE, "1280")):
        page.set_viewport_size(size)
        keep_picture(page, f"enrol-{name}-{width}")
        assert violations(page, AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)


def test_an_audience_is_put_into_a_plan(
    site: Site, running: Running, database: Database, clock: VirtualClock, chromium: Browser
) -> None:
    problems: list[str] = []
    expect.set_options(timeout=SLOW)
    page = opened(site, chromium, "nurse", problems)
    page.set_default_timeout(SLOW)

    async def work() -> None:
        await joining.work(database, clock, AudienceOffers(clock))

    page.goto(f"{site.url}{PLAN}")
    steps = page.get_by_role("listitem").filter(has_text="第3").all_inner_texts()
    assert [one.split()[0] for one in steps] == ["第3天", "第30天", "第35天", "第38天"]
    expect(page.get_by_text("短信 2 条").first).to_be_visible()
    expect(page.get_by_role("button", name="修改", exact=True)).to_have_count(0)
    page.get_by_role("link", name="按人群加入").click()
    looked_at(page, "choose")
    page.get_by_label("人群", exact=True).select_option(label="近期出院")
    page.get_by_role("button", name="看看会有谁").click()
    expect(page.get_by_text("近期出院：共 4 人，会加入 2 人")).to_be_visible()
    expect(page.get_by_text("病历里没有起算日")).to_be_visible()
    expect(page.get_by_text("起算日太早")).to_be_visible()
    expect(page.get_by_role("row", name="文章 2")).to_be_visible()
    looked_at(page, "look")
    page.get_by_role("button", name="把这 2 人加入计划").click()
    expect(page.get_by_text("已开始加入")).to_be_visible()
    expect(page.get_by_text("正在加入")).to_be_visible()
    running.run(work())
    expect(page.get_by_text("已全部加入")).to_be_visible()
    looked_at(page, "done")
    page.go_back()
    page.get_by_label("人群", exact=True).select_option(label="近期出院")
    page.get_by_role("button", name="看看会有谁").click()
    expect(page.get_by_text("没有要加入的患者")).to_be_visible()
    page.get_by_role("link", name="近期出院").click()
    page.get_by_role("button", name="撤销这一批").click()
    page.get_by_role("dialog").get_by_role("button", name="撤销这一批").click()
    expect(page.get_by_text("正在撤销", exact=True)).to_be_visible()
    running.run(work())
    expect(page.get_by_text("已撤销", exact=True)).to_be_visible()

    editor = opened(site, chromium, "editor", problems)
    editor.set_default_timeout(SLOW)
    editor.goto(f"{site.url}{PLAN}/enrol")
    editor.get_by_label("人群", exact=True).select_option(label="近期出院")
    editor.get_by_role("button", name="看看会有谁").click()
    expect(editor.get_by_text("由临床审核员或护士确认加入")).to_be_visible()
    assert problems == []
