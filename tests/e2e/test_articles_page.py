"""The articles' desk in a real Chromium: writing as one sees it, autosave, preview at once, undo, handing in; axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from content.articles import drafts, service, workflow
from content.articles.doc import ArticleDoc
from content.media.pages import MediaDesk, media_desk_router
from content.media.service import Shelf
from content.media.serving import media_router
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import staff
from tests.content.articles.site import articles_app
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from tests.factories.articles import doc, people, published
from tests.factories.pictures import picture
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


class Desk:
    """The running pages, with a published article `live-one` and one in writing, `first`."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock) -> None:
        self.running, self.database, self.clock = running, database, clock
        self.url = running.url
        self.tokens = running.run(staff(database))
        running.run(self._articles())

    async def _articles(self) -> None:
        made = await people(self.database, prefix="w-")
        async with self.database.write("articles") as session:
            await published(session, made, self.clock, "live-one")
            article = await service.create(
                session, "first", doc(), staff=made["editor"], now=self.clock.now()
            )
            assert article.slug == "first"
            waiting = await service.create(
                session, "waiting", doc(title="等人签署的一篇"), staff=made["editor"], now=self.clock.now()
            )
            await workflow.submit(session, waiting, staff=made["editor"], now=self.clock.now())

    def draft(self, slug: str = "first") -> ArticleDoc | None:
        async def work() -> ArticleDoc | None:
            async with self.database.read() as session:
                article = await service.get(session, slug)
                draft = await drafts.find(session, article.id)
                return ArticleDoc.from_json(draft.doc) if draft is not None else None

        return self.running.run(work())


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Desk]:
    path = tmp_path / "articles.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    app = articles_app(database, clock)
    app.include_router(media_router(database, Shelf(tmp_path)))
    app.include_router(media_desk_router(MediaDesk(database, clock, Shelf(tmp_path))))
    with served(app) as running:
        yield Desk(running, database, clock)
        running.run(database.close())


def signed_in(desk: Desk, chromium: Browser, role: str = "editor", size: Any = None, **options: Any) -> Any:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.tokens[role], "url": desk.url}])
    context.set_default_timeout(30_000)
    return context


def _policy(line: str) -> bool:
    """A breach of the pages' policy; a pasted handler that the policy stopped is what it is for."""
    return "Content Security" in line and "inline event handler" not in line


@pytest.fixture
def page(desk: Desk, chromium: Browser) -> Iterator[Page]:
    """An editor's page; fails the test on a script error, a policy violation, or a request that leaves the site."""
    context = signed_in(desk, chromium)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if _policy(line.text) else None)
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((desk.url, "data:")) else problems.append(sent.url),
    )
    yield page
    context.close()
    assert not problems


def test_written_seen_saved_undone_and_handed_in(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/articles/first/edit")
    writing, phone = page.get_by_role("textbox", name="正文", exact=True), page.locator("#preview")
    expect(writing).to_contain_text("主食吃到七分饱")
    expect(phone.locator("table")).to_have_count(1)
    assert desk.draft() == doc(), "opening an article does not rewrite it"

    writing.locator("p").first.click()
    page.keyboard.press("End")
    page.keyboard.type("每天走三十分钟。")
    expect(phone).to_contain_text("每天走三十分钟。")
    expect(page.locator("#saved")).to_contain_text("已保存")
    saved = desk.draft()
    assert saved is not None
    assert saved.body == doc().body.replace("少受罪。", "少受罪。每天走三十分钟。"), "nothing else is changed"

    page.get_by_role("tab", name="短信").first.click()
    page.locator("#f-sms").fill("您的糖尿病复查时间到了，详见 http://a.example")
    expect(page.locator("#findings")).to_contain_text("短信")
    page.get_by_role("tab", name="短信").last.click()
    expect(phone).to_contain_text("【云江示范医院】")
    page.get_by_role("button", name="撤销", exact=True).click()
    expect(page.locator("#f-sms")).to_have_value(doc().sms)

    page.get_by_role("tab", name="微信", exact=True).click()
    expect(phone).to_contain_text("资料来源：《中国2型糖尿病防治指南（2020年版）》")
    page.get_by_role("button", name="送审").click()
    page.get_by_label("这次改了什么").fill("加了走路")
    page.get_by_role("dialog").get_by_role("button", name="送审").click()
    expect(page.get_by_role("status").first).to_contain_text("已送审")
    expect(page.get_by_role("heading", name="审核 · 第 1 版")).to_be_visible()


def test_markdown_can_be_written_too(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/articles/first/edit")
    page.get_by_role("button", name="原文").click()
    raw = page.get_by_label("正文的 Markdown 原文", exact=True)
    expect(raw).to_have_value(doc().body)
    raw.fill("## 只有一段\n\n**记住**：多走路。\n")
    expect(page.locator("#preview strong")).to_have_text("记住")
    expect(page.locator("#saved")).to_contain_text("已保存")
    found = desk.draft()
    assert found is not None
    assert found.body == "## 只有一段\n\n**记住**：多走路。\n"


def test_pasted_scripts_and_pixels_do_not_survive(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/articles/first/edit")
    page.get_by_role("button", name="原文").click()
    page.get_by_label("正文的 Markdown 原文", exact=True).fill(
        '## 甲\n\n<script>window.hit=1</script><img src="https://spy.example/p.gif" onerror="window.hit=1">文字\n'
    )
    expect(page.locator("#saved")).to_contain_text("已保存")
    assert page.evaluate("window.hit") is None
    assert page.locator("#preview img").count() == 0


def test_a_picture_is_uploaded_and_put_into_the_text(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/media")
    page.locator("#file").set_input_files({"name": "p.svg", "mimeType": "image/jpeg", "buffer": b"<svg/>"})
    page.get_by_label("替代文字").fill("一盘蔬菜")
    page.get_by_label("来源").fill("本院营养科")
    page.get_by_label("授权方式").select_option(label="本院自制")
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("alert")).to_contain_text("不认识这种文件")
    page.locator("#file").set_input_files({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": picture()})
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("status").first).to_contain_text("已放进媒体库")
    expect(page.get_by_role("link", name="一盘蔬菜")).to_be_visible()

    page.goto(f"{desk.url}/content/articles/first/edit")
    page.get_by_role("textbox", name="正文", exact=True).locator("p").first.click()
    page.get_by_role("button", name="图片").click()
    page.get_by_role("dialog").get_by_role("button", name="一盘蔬菜").click()
    expect(page.locator("#preview img")).to_have_count(1)
    expect(page.locator("#saved")).to_contain_text("已保存")
    found = desk.draft()
    assert found is not None
    assert len(found.media()) == 1


def test_looked_at_with_a_readers_eyes(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/content/articles/first/edit")
    expect(page.get_by_label("谁看到的")).to_be_hidden()
    page.get_by_role("tab", name="差异化").click()
    page.get_by_role("button", name="加一段").click()
    page.get_by_label("名称", exact=True).fill("孕妇")
    page.get_by_label("替换哪个小标题").fill("饮食")
    page.get_by_label("换成").fill("孕期每餐称重。")
    page.get_by_label("从第几周").fill("12")
    expect(page.locator("#saved")).to_contain_text("已保存")
    page.get_by_label("谁看到的").select_option(label="孕妇")
    expect(page.locator("#preview")).to_contain_text("孕期每餐称重")
    expect(page.locator("#preview")).not_to_contain_text("七分饱")
    page.get_by_label("谁看到的").select_option("0")
    expect(page.locator("#preview")).to_contain_text("七分饱")


def test_what_another_saved_is_not_overwritten(desk: Desk, page: Page, chromium: Browser) -> None:
    page.goto(f"{desk.url}/content/articles/first/edit")
    other = signed_in(desk, chromium, "clinical_reviewer")
    theirs = other.new_page()
    theirs.goto(f"{desk.url}/content/articles/first/edit")
    expect(theirs.get_by_role("alert")).to_contain_text("正在编辑这篇文章")
    theirs.get_by_role("button", name="接管编辑").click()
    theirs.locator("#f-summary").fill("接管的人写的。")
    expect(theirs.locator("#saved")).to_contain_text("已保存")
    page.locator("#f-summary").fill("原来的人写的。")
    expect(page.locator("#trouble")).to_be_visible()
    page.get_by_role("link", name="对照两份文字").click()
    expect(page.get_by_text("没能保存上的文字")).to_be_visible()
    found = desk.draft()
    assert found is not None
    assert found.summary == "接管的人写的。"
    other.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(desk: Desk, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    for size in (WIDE, NARROW):
        context = signed_in(desk, chromium, "clinical_reviewer", size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for name, path in {
            "list": "",
            "new": "/new",
            "article": "/live-one",
            "review": "/waiting",
            "edit": "/first/edit",
            "states": "/first/states",
            "recipients": "/live-one/recipients",
            "media": "/../media",
        }.items():
            page.goto(f"{desk.url}/content/articles{path}")
            page.wait_for_load_state("load")
            if os.environ.get("BANYI_SHOTS"):
                shot = Path(os.environ["BANYI_SHOTS"]) / f"articles-{name}-{scheme}-{size['width']}.png"
                page.screenshot(path=shot, full_page=True)
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        context.close()
