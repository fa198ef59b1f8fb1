"""An article on a phone, in a real Chromium: opened, read to the end, answered, its topic stopped, why it was sent; its weight; axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care.consents.models import Purpose
from content.articles import samples
from content.reading.models import ArticleFeedback, ArticleRead, ArticleTally, TopicStop
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.content.reading.ground import Ground, make_ground
from tests.content.reading.site import PHONE, reading_app
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from web.build import ROOT

pytestmark = pytest.mark.browser

SIZE: Any = {"width": 375, "height": 700}
SLUG, FEET = "t2dm-diet-plate", "diabetes-foot-care"
LIMIT = 100_000
"""Bytes of a page with everything it loads."""


class Site:
    """The running pages, over two articles of the seed library."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock) -> None:
        self.running, self.url = running, running.url
        self.seeds = {one.slug: one.doc for one in samples.read_library()}
        self.ground: Ground = running.run(make_ground(database, clock))
        for slug in (SLUG, FEET):
            self.publish(slug)

    def publish(self, slug: str) -> None:
        doc = self.seeds[slug]
        values = {name: getattr(doc, name) for name in doc.__dataclass_fields__}
        self.running.run(self.ground.article(slug, **values))

    def link(self, slug: str = SLUG) -> str:
        return f"{self.url}/r/{self.running.run(self.ground.link(slug))}"

    def rows(self, table: Any) -> list[Any]:
        return self.running.run(self.ground.rows(table))


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Site]:
    path = tmp_path / "reading.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(reading_app(database, clock)) as running:
        yield Site(running, database, clock)
        running.run(database.close())


def phone(chromium: Browser, **options: Any) -> BrowserContext:
    context = chromium.new_context(
        **{"viewport": SIZE, "locale": "zh-CN", "user_agent": PHONE, "reduced_motion": "reduce", **options}
    )
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def page(site: Site, chromium: Browser) -> Iterator[Page]:
    """A phone's page; fails the test on a script error, a policy violation, a request that leaves the site."""
    context = phone(chromium)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if "Content Security" in line.text else None)
    page.on("request", lambda sent: None if sent.url.startswith(site.url) else problems.append(sent.url))
    yield page
    context.close()
    assert not problems


def test_opened_read_to_the_end_answered_and_stopped(site: Site, page: Page) -> None:
    site.running.run(site.ground.agrees(Purpose.TRACKING))
    with page.expect_response("**/seen") as told:
        page.goto(site.link())
    assert told.value.status == 204
    [read] = site.rows(ArticleRead)
    assert (read.finished_at, read.helpful) == (None, None)
    with page.expect_response("**/seen"):
        page.locator("#helpful").scroll_into_view_if_needed()
    [read] = site.rows(ArticleRead)
    assert read.finished_at is not None
    assert read.dwell >= 2
    page.get_by_role("button", name="没有帮助", exact=True).click()
    page.get_by_label("还想知道什么").fill("想知道荔枝能不能吃")
    page.get_by_role("button", name="告诉编辑").click()
    expect(page.get_by_role("status")).to_contain_text("会转给编辑")
    page.get_by_role("button", name="改成有帮助").click()
    expect(page.get_by_role("status")).to_contain_text("有帮助")
    assert [row.helpful for row in site.rows(ArticleFeedback)] == [True]
    assert sum(row.helpful is True for row in site.rows(ArticleRead)) == 1
    page.get_by_role("button", name="不再接收“糖尿病”的文章").click()
    expect(page.locator("#settings")).to_contain_text("不会再给您发“糖尿病”的文章了")
    assert [row.topic for row in site.rows(TopicStop)] == ["diabetes"]
    page.get_by_role("button", name="撤销，继续接收").click()
    expect(page.get_by_role("button", name="不再接收“糖尿病”的文章")).to_be_visible()
    assert site.rows(TopicStop) == []
    page.get_by_role("link", name="为什么给我发这个").click()
    expect(page.locator("main")).to_contain_text("您在聊天里问到了相关的问题")


def test_who_did_not_agree_is_a_number_and_may_agree_here(site: Site, page: Page) -> None:
    with page.expect_response("**/seen"):
        page.goto(site.link())
    assert site.rows(ArticleRead) == []
    assert [row.opened for row in site.rows(ArticleTally)] == [1]
    page.get_by_role("button", name="同意记录").click()
    expect(page.get_by_role("heading", name="记录我的阅读情况：已打开")).to_be_visible()
    with page.expect_response("**/seen"):
        page.reload()
    assert len(site.rows(ArticleRead)) == 1
    page.get_by_role("button", name="不再记录").click()
    expect(page.get_by_role("heading", name="记录我的阅读情况：已关闭")).to_be_visible()
    assert site.rows(ArticleRead) == []


def test_a_preview_that_runs_scripts_is_no_read(site: Site, chromium: Browser) -> None:
    """One that says what it is, and one that looks at the page where nobody sees it."""
    site.running.run(site.ground.agrees(Purpose.TRACKING))
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36"
    with_name = phone(chromium, user_agent=agent)
    page = with_name.new_page()
    with page.expect_response("**/seen"):
        page.goto(site.link())
    with_name.close()
    unseen = phone(chromium)
    unseen.add_init_script("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
    page = unseen.new_page()
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    page.goto(site.link())
    page.wait_for_timeout(1500)
    unseen.close()
    assert sent == []
    assert site.rows(ArticleRead) == site.rows(ArticleTally) == []


def test_large_type_is_remembered_and_reading_aloud_offered_where_it_can(
    site: Site, page: Page, chromium: Browser
) -> None:
    address = site.link()
    page.goto(address)
    expect(page.get_by_role("button", name="朗读")).to_be_hidden()
    size = "parseFloat(getComputedStyle(document.querySelector('.text p')).fontSize)"
    before = page.evaluate(size)
    page.get_by_role("button", name="大字").click()
    assert page.evaluate(size) > before * 1.25
    page.goto(f"{site.url}/read/{FEET}")
    assert page.evaluate(size) > before * 1.25
    expect(page.get_by_role("button", name="大字")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZE["width"]
    keep(page, "large")
    speaks = phone(chromium)
    speaks.add_init_script(
        "window.said = []; Object.defineProperty(window, 'speechSynthesis', {value: {getVoices: () => [{lang: 'zh-CN'}],"
        " speak: (one) => said.push(one.text), cancel: () => {}, addEventListener: () => {}}});"
        "window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text } }"
    )
    other = speaks.new_page()
    other.goto(address)
    other.get_by_role("button", name="朗读").click()
    expect(other.get_by_role("button", name="停止")).to_be_visible()
    said = other.evaluate("said")
    assert said[0].startswith("糖尿病饮食篇")
    assert max(map(len, said)) <= 121
    assert "青菜" in "".join(said)
    speaks.close()


def test_the_biggest_article_weighs_little(site: Site, chromium: Browser) -> None:
    biggest = max(site.seeds, key=lambda slug: len(site.seeds[slug].body.encode()))
    if biggest not in (SLUG, FEET):
        site.publish(biggest)
    context = phone(chromium)
    page = context.new_page()
    weights: dict[str, int] = {}
    page.on("requestfinished", lambda sent: weights.update({sent.url: sent.sizes()["responseBodySize"]}))
    page.goto(site.link(biggest))
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    context.close()
    loaded = {url.removeprefix(site.url).split("?")[0]: size for url, size in weights.items()}
    assert {"/static/build/reading.css", "/static/build/reading.js"} <= set(loaded)
    assert not [path for path in loaded if path.endswith(("app.js", "app.css"))]
    assert 10_000 < sum(loaded.values()) <= LIMIT, loaded


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(site: Site, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    context = phone(chromium, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    link = site.link()
    for name, path in {
        "page": link,
        "related": f"{link}/also/{FEET}",
        "why": f"{link}/why",
        "unknown": f"{site.url}/r/{'x' * 16}",
        "anybody": f"{site.url}/read/{SLUG}",
    }.items():
        page.goto(path)
        keep(page, f"{name}-{scheme}")
        assert violations(page, axe) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZE["width"], name
    page.goto(link)
    page.get_by_role("button", name="没有帮助", exact=True).click()
    page.get_by_role("button", name="不再接收").click()
    keep(page, f"answered-{scheme}")
    assert violations(page, axe) == []
    context.close()


def keep(page: Page, name: str) -> None:
    """`BANYI_SHOTS`: a folder for pictures to look at."""
    if os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(os.environ["BANYI_SHOTS"]) / f"reading-{name}.png", full_page=True)
