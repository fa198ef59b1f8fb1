"""The conversations people see: both phones of the page, in a real Chromium, on the whole installation."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from server.settings import ROOT
from tests.e2e.installation import WECHAT, Installation
from tests.e2e.phone import Phone

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE = {"width": 1280, "height": 900}
PICTURE = ROOT / "docs" / "images" / "phones.png"
BIGGEST = 400_000
"""Bytes of the picture in the README."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(home: Installation, chromium: Browser) -> Iterator[Page]:
    """A window that fails the test on a script error and on any request that leaves the site."""
    context = chromium.new_context(viewport=SIZE, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    problems: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    opened.on(
        "request",
        lambda sent: None if sent.url.startswith((home.url, "data:")) else problems.append(sent.url),
    )
    yield opened
    context.close()
    assert not problems


def open_phones(page: Page, home: Installation, person: str) -> None:
    """The page with the phones of a demo patient."""
    page.goto(f"{home.url}/phones?patient={person}")
    for phone in ("#wechat", "#sms"):
        expect(page.locator(f"{phone} [data-log]")).not_to_have_attribute("aria-busy", "true")


def theirs(page: Page, phone: str) -> Locator:
    return page.locator(f"{phone} .theirs")


def say(page: Page, label: str, text: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Enter")


def last_says(page: Page, phone: str, pattern: str) -> None:
    expect(theirs(page, phone).last).to_contain_text(re.compile(pattern))


def tap(page: Page, label: str) -> None:
    """Tap the first such item of the last menu, and wait for what comes of it."""
    before = theirs(page, "#wechat").count()
    theirs(page, "#wechat").last.get_by_role("button", name=re.compile(label)).first.click()
    expect(theirs(page, "#wechat")).not_to_have_count(before)


def test_booking_on_both_phones(home: Installation, page: Page) -> None:
    """Booked by tapping on WeChat, a question asked in between; listed and cancelled with digits by SMS."""
    open_phones(page, home, "D0000006")
    say(page, "发微信消息", "周三上午想看眼睛")
    last_says(page, "#wechat", "请问给谁预约")
    tap(page, "赵磊")
    tap(page, "眼科")
    say(page, "发微信消息", "停车怎么收费")
    expect(page.locator("#wechat")).to_contain_text("停车场管理规定")
    last_says(page, "#wechat", "确认预约吗|有号的时间")
    if "确认预约吗" not in theirs(page, "#wechat").last.inner_text():
        tap(page, "月")  # the hospital's Wednesday is full: the first time there is
        last_says(page, "#wechat", "确认预约吗")
    tap(page, "^确认")
    last_says(page, "#wechat", "约好了：赵")
    say(page, "发短信", "查一下我的预约")
    last_says(page, "#sms", "有\\d个预约")
    keep_picture(page)
    say(page, "发短信", "取消")
    last_says(page, "#sms", "回8确认取消，回1保留")  # a second, different digit
    say(page, "发短信", "8")
    last_says(page, "#sms", "已取消")


def test_the_feed_tells_what_happens_behind(home: Installation, page: Page) -> None:
    open_phones(page, home, "D0000004")
    say(page, "发微信消息", "突然胸口压得慌 左胳膊麻 出汗")
    last_says(page, "#wechat", "立即拨打120")
    expect(page.locator(".feed-turn").first).to_contain_text(re.compile("急|危险"))
    page.locator("#wechat .theirs").last.get_by_role("button").first.click()
    last_says(page, "#wechat", "知道您没事就放心了")


def test_a_reload_shows_the_same_conversation(home: Installation, page: Page) -> None:
    open_phones(page, home, "D0000005")
    say(page, "发短信", "你是机器人吗")
    last_says(page, "#sms", "不是真人")
    before = page.locator("#sms .talk-text").all_inner_texts()
    page.reload()
    expect(theirs(page, "#sms").last).to_contain_text("不是真人")
    assert page.locator("#sms .talk-text").all_inner_texts() == before


def test_home_and_health_say_that_all_is_well(home: Installation, page: Page) -> None:
    page.goto(home.url)
    expect(page.locator("#health")).not_to_contain_text("异常")
    assert Phone.open(home, WECHAT).say("你好").keys == ["smalltalk.greet"]


def keep_picture(page: Page) -> None:
    """The README's picture, taken when `BANYI_SCREENSHOTS=1`."""
    if os.environ.get("BANYI_SCREENSHOTS") != "1":
        return
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURE)
    assert Path(PICTURE).stat().st_size <= BIGGEST
