"""The staff desk in a real Chromium on the whole installation: a patient on a simulated phone, two nurses, one conversation."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import DeskTask, TaskKind
from care.desk.pages import stream
from care.desk.tasks import open_task
from care.patients.models import Patient
from server.settings import ROOT
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.conftest import on_monday
from tests.e2e.installation import Installation
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.test_phones_whole import last_says, open_phones, say, theirs
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PERSON = "D0000005"
LI, ZHANG = "李护士", "张护士"
WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Ward:
    """Two nurses, signed in, and a patient of the demo."""

    home: Installation
    tokens: dict[str, str]
    name: str


@pytest.fixture(scope="module")
def home(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation of its own: on this desk nobody waits whom another test left waiting."""
    with on_monday(request.session, "desk") as installation:
        yield installation


@pytest.fixture(scope="module")
def ward(home: Installation) -> Ward:
    async def prepare(session: AsyncSession) -> Ward:
        tokens = {}
        for number, name in enumerate((LI, ZHANG)):
            user = await create_user(
                session, username=f"desk{number}", display_name=name, password=PASSWORD, roles=[Role.NURSE]
            )
            tokens[name] = await open_session(session, user, real_now())
        from care.seed import demo_patients

        who = next(one.patient_id for one in demo_patients() if one.record_number == PERSON)
        patient = (await session.scalars(select(Patient).where(Patient.id == who))).one()
        await open_task(
            session,
            TaskKind.CALL,
            dedup_key="desk-page:call",
            now=home.now(),
            due_at=home.now(),
            note="问一下术后恢复",
            patient_id=who,
        )
        return Ward(home, tokens, patient.name)

    made: Ward = home.write(prepare)
    return made


@pytest.fixture
def pages(ward: Ward, chromium: Browser) -> Iterator[dict[str, Page]]:
    """A window for each nurse and for the patient's phones; a script error, a breach of the policy or a request that leaves the
    site fails the test."""
    problems: list[str] = []
    found, contexts = {}, []
    for name in (LI, ZHANG, "phones"):
        context = chromium.new_context(viewport=WIDE, locale="zh-CN", timezone_id="Asia/Shanghai")
        if name in ward.tokens:
            context.add_cookies([{"name": SESSION_COOKIE, "value": ward.tokens[name], "url": ward.home.url}])
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((ward.home.url, "data:")) else problems.append(sent.url),
        )
        contexts.append(context)
        found[name] = page
    yield found
    for context in contexts:
        context.close()
    if not os.environ.get("BANYI_SHOTS"):  # a screenshot is taken with a style of its own
        assert not problems


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(folder) / f"desk-{name}.png", full_page=True)


def check(page: Page, name: str) -> None:
    """At both widths: axe finds nothing, nothing sticks out."""
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        shot(page, f"{name}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
    page.set_viewport_size(WIDE)


def dialog(page: Page, key: str, button: str, text: str, choose: str = "") -> None:
    """Open a dialog by its key and answer it."""
    page.keyboard.press(key)
    opened = page.get_by_role("dialog")
    if choose:
        opened.get_by_label("转给").select_option(label=choose)
    opened.get_by_role("textbox").fill(text)
    opened.get_by_role("button", name=button, exact=True).click()


def test_two_nurses_and_a_patient(ward: Ward, pages: dict[str, Page]) -> None:
    home, li, zhang, phones = ward.home, pages[LI], pages[ZHANG], pages["phones"]
    open_phones(phones, home, PERSON)
    li.goto(f"{home.url}/desk/replies")
    li.get_by_label("名字").fill("换药")
    li.get_by_label("内容").fill("请明天上午带上病历来门诊三楼换药。")
    li.get_by_label("同事也能用").check()
    li.get_by_role("button", name="添加").click()
    expect(li.get_by_role("status").filter(has_text="已保存")).to_be_visible()

    for page in (li, zhang):
        page.goto(f"{home.url}/desk")
        expect(page.get_by_text("没有人在等。")).to_be_visible()
    say(phones, "发微信消息", "转人工")
    last_says(phones, "#wechat", "前回复您")
    for page in (li, zhang):
        waiting = page.locator("#talks").get_by_role("link", name=re.compile(ward.name))
        expect(waiting).to_be_visible()  # by the live line: nobody has reloaded
        expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    shot(li, "overview")
    zhang.locator("#talks").get_by_role("link", name=re.compile(ward.name)).click()
    expect(zhang.get_by_role("button", name="接手，机器人不再说话")).to_be_visible()

    li.keyboard.press("?")
    expect(li.get_by_role("dialog")).to_contain_text("接手会话")
    li.keyboard.press("Escape")
    li.locator("#talks").get_by_role("link", name=re.compile(ward.name)).focus()
    li.keyboard.press("Enter")
    expect(li.locator(".desk-lines")).to_contain_text("转人工")
    li.keyboard.press("t")
    expect(li.locator("#talk")).to_contain_text("在我手里")
    expect(li.locator("#talk")).to_contain_text("健康咨询，不作诊断、不调药")
    expect(li.locator("#talk")).to_contain_text(re.compile(r"微信窗口到 .*还能发 \d 条"))
    expect(zhang.locator("#talk")).to_contain_text(f"{LI} 接手")
    expect(zhang.get_by_role("button", name="接手，机器人不再说话")).to_have_count(0)

    before = theirs(phones, "#wechat").count()
    say(phones, "发微信消息", "伤口有点红，要紧吗")
    expect(li.locator(".desk-lines")).to_contain_text("伤口有点红，要紧吗")
    box = li.get_by_label(re.compile("^答复患者"))
    phones.get_by_role("button", name="发图片或语音").click()
    phones.get_by_role("button", name="发一张示例图片").click()
    picture = li.get_by_alt_text("患者发来的图片")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth > 0)")
    expect(theirs(phones, "#wechat")).to_have_count(before)
    li.keyboard.press("r")
    box.press_sequentially("/换")
    expect(li.get_by_role("option", name=re.compile("换药"))).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("请明天上午带上病历来门诊三楼换药。")
    check(li, "talk")
    box.press("Control+Enter")
    expect(box).to_have_value("")
    expect(theirs(phones, "#wechat")).to_have_count(before + 1)  # her answer, and nothing of the bot's
    last_says(phones, "#wechat", "门诊三楼换药[\\s\\S]*不作诊断、不调药")
    expect(li.locator(".desk-lines .desk-staff").last).to_contain_text(re.compile("已发出|已送达"))

    li.keyboard.press("Escape")
    dialog(li, "n", "记下", "家属电话里说没有发烧")
    expect(li.locator(".desk-note")).to_contain_text("没有发烧")
    dialog(li, "p", "转出", "请看一下伤口照片", choose=ZHANG)
    expect(li.locator("#talk")).to_contain_text(f"转给 {ZHANG}，还没有人接")
    # Her page has followed: leaving it any sooner is a race with its own way there.
    expect(zhang.get_by_role("button", name="接手，机器人不再说话")).to_be_visible()
    zhang.goto(f"{home.url}/desk")
    zhang.locator("#talks").get_by_role("link", name=re.compile(ward.name)).first.click()
    expect(zhang.locator(".desk-lines")).to_contain_text("请看一下伤口照片")
    zhang.keyboard.press("t")
    expect(zhang.locator("#talk")).to_contain_text(f"首问：{LI}")
    before = theirs(phones, "#wechat").count()
    dialog(zhang, "b", "交还", "约了明天上午换药")
    expect(zhang.get_by_role("status").filter(has_text="已交还机器人")).to_be_visible()
    expect(theirs(phones, "#wechat")).to_have_count(before + 1)
    last_says(phones, "#wechat", "智能助手为您服务")
    say(phones, "发微信消息", "几点上班")
    expect(theirs(phones, "#wechat")).to_have_count(before + 2)
    expect(zhang.locator("#talks")).to_contain_text("约了明天上午换药")
    expect(zhang.locator("#talks")).to_contain_text(f"首问：{LI}")


def test_a_call_is_made_and_taken_back(ward: Ward, pages: dict[str, Page]) -> None:
    page = pages[LI]
    page.goto(f"{ward.home.url}/desk/tasks?kind=call")
    line = page.locator("[data-line]").filter(has_text="问一下术后恢复")
    line.get_by_label("电话打得怎么样").select_option(label="没人接")
    line.get_by_role("button", name="记下").click()
    expect(page.get_by_role("status").first).to_contain_text("一小时后再提醒")
    expect(line).to_contain_text("打过 1 次没人接")
    line.get_by_label("电话打得怎么样").select_option(label="接通了，已说清")
    line.get_by_role("textbox").fill("恢复得不错")
    line.get_by_role("button", name="记下").click()
    page.get_by_role("button", name="撤回").first.click()
    expect(line).to_contain_text("恢复得不错")

    async def status(session: AsyncSession) -> str:
        row = await session.scalar(select(DeskTask).where(DeskTask.dedup_key == "desk-page:call"))
        return row.status if row is not None else ""

    assert ward.home.write(status) == "taken"


def test_the_line_is_lost_and_found(ward: Ward, pages: dict[str, Page]) -> None:
    page = pages[LI]
    page.goto(f"{ward.home.url}/desk/tasks")
    lost = page.get_by_text(re.compile("和服务器的连接断了"))
    expect(lost).to_be_hidden()
    page.context.set_offline(True)
    expect(lost).to_be_visible()
    # The browser's offline cuts no connection that stands: what it still brings must not say that all is well.
    page.wait_for_timeout(1000 * stream.BEAT + 1500)
    expect(lost).to_be_visible()
    task = f"补录：{time.monotonic_ns()}"
    ward.home.write(
        lambda session: open_task(
            session,
            TaskKind.COMPLAINT,
            dedup_key=task,
            now=ward.home.now(),
            due_at=ward.home.now(),
            note=task,
        )
    )
    page.context.set_offline(False)
    expect(lost).to_be_hidden()
    expect(page.locator("#tasks")).to_contain_text(task)  # what was missed meanwhile


def test_axe_finds_nothing(ward: Ward, chromium: Browser, pages: dict[str, Page]) -> None:
    phones = pages["phones"]
    open_phones(phones, ward.home, PERSON)
    say(phones, "发微信消息", "转人工")  # alone, or after a test that is tried again, nobody has written yet
    last_says(phones, "#wechat", "前回复您")
    context = chromium.new_context(viewport=WIDE, locale="zh-CN", reduced_motion="reduce", bypass_csp=True)
    context.add_cookies([{"name": SESSION_COOKIE, "value": ward.tokens[ZHANG], "url": ward.home.url}])
    page = context.new_page()
    page.goto(f"{ward.home.url}/desk/conversations")
    first = page.locator("#talks .desk-link").first
    expect(first).to_be_visible()
    talk = first.get_attribute("href")
    for name, path in {
        "desk": "/desk",
        "conversations": "/desk/conversations",
        "conversation": str(talk),
        "tasks": "/desk/tasks",
        "replies": "/desk/replies",
    }.items():
        page.goto(f"{ward.home.url}{path}")
        check(page, name)
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            assert violations(page, AXE) == [], name
    context.close()
