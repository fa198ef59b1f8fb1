"""The two phones, the home page and sign-in in a real Chromium, on the real simulators."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from channels.simulator.pages import FeedStep
from tests.web.site import PEOPLE, Site, running_site
from web.build import ROOT

pytestmark = pytest.mark.browser

WANG, LI, _ = PEOPLE
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
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as running:
        yield running


@pytest.fixture
def context(site: Site, chromium: Browser) -> Iterator[BrowserContext]:
    """A wide window that fails the test on a script error, and on any request that leaves the site."""
    opened = chromium.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((site.url, "data:")) else problems.append(sent.url),
        )

    opened.on("page", watch)
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()
    assert not problems


@pytest.fixture
def phones(site: Site, context: BrowserContext) -> Page:
    page = context.new_page()
    return open_phones(page, site)


def open_phones(page: Page, site: Site, person: str = "p1") -> Page:
    page.goto(f"{site.url}/phones?patient={person}")
    for phone in ("#wechat", "#sms"):
        expect(page.locator(f"{phone} [data-log]")).not_to_have_attribute("aria-busy", "true")
    return page


def said(page: Page, phone: str, side: str) -> list[str]:
    return page.locator(f"{phone} .{side}:not([data-state]) .talk-text").all_inner_texts()


def test_typing_on_both_phones_reaches_the_simulators(site: Site, phones: Page) -> None:
    expect(phones.get_by_text("还没有消息")).to_be_visible()
    phones.get_by_label("发微信消息").fill("我想挂号 <b>眼科</b>")
    phones.keyboard.press("Enter")
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(1)
    phones.get_by_label("发短信", exact=True).fill("停车场在哪")
    phones.get_by_role("button", name="发送短信").click()
    expect(phones.locator("#sms .mine:not([data-state])")).to_have_count(1)
    assert said(phones, "#wechat", "mine") == ["我想挂号 <b>眼科</b>"]
    assert [one["text"] for one in site.sms.transcript(WANG.phone)] == ["停车场在哪"]
    assert len(site.pushes) == 2, "one callback each left the simulators"
    expect(phones.locator("#quota")).to_have_text("客服消息额度 剩5条")
    expect(phones.get_by_label("发微信消息")).to_have_value("")


def test_answers_appear_by_themselves_and_menus_can_be_tapped(site: Site, phones: Page) -> None:
    phones.get_by_label("发微信消息").fill("挂号")
    phones.keyboard.press("Enter")
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(1)
    site.hospital_writes(WANG, "您想看哪个科？", [("q1:a", "1 眼科"), ("q1:b", "2 皮肤科")])
    site.hospital_texts(WANG, "【伴医示范医院】您的预约已保留。", parts=2)
    expect(phones.get_by_text("长短信，共2条")).to_be_visible()
    phones.get_by_role("button", name="2 皮肤科").click()
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(2)
    last = site.wechat.transcript(WANG.openid)[-1]
    assert (last["direction"], last["text"], last["kind"]) == ("in", "2 皮肤科", "menu")
    assert said(phones, "#wechat", "theirs") == ["您想看哪个科？"]


def test_keys_alone_are_enough(site: Site, phones: Page) -> None:
    phones.locator("#wechat [data-log]").focus()
    phones.keyboard.type("hi")
    expect(phones.get_by_label("发微信消息")).to_have_value("hi")
    phones.keyboard.press("Enter")
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(1)
    site.hospital_writes(WANG, "要看看心血管内科的号吗？", [("q2:a", "1 看号"), ("q2:b", "2 问护士")])
    expect(phones.get_by_role("button", name="1 看号")).to_be_visible()
    phones.locator("#wechat [data-log]").focus()
    phones.keyboard.press("1")
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(2)
    assert said(phones, "#wechat", "mine") == ["hi", "1 看号"]
    phones.locator("#wechat [data-log]").focus()
    phones.keyboard.press("Tab")
    expect(phones.get_by_role("button", name="1 看号")).to_be_focused()


def test_the_account_menu_sends_clicks(site: Site, phones: Page) -> None:
    phones.get_by_role("button", name="切换到菜单").click()
    phones.get_by_role("button", name="我的随访").click()
    expect(phones.locator("#wechat .talk-note")).to_have_text("点击菜单：我的随访")
    expect(phones.locator("#quota")).to_have_text("客服消息额度 剩3条")
    assert len(site.pushes) == 1
    phones.get_by_role("button", name="预约就诊").click()
    phones.get_by_role("button", name="我的预约").press("Enter")
    expect(phones.locator("#wechat .talk-note").last).to_have_text("点击菜单：我的预约")
    expect(phones.get_by_role("button", name="我的预约")).to_be_hidden()
    phones.get_by_role("button", name="切换到键盘").click()
    expect(phones.get_by_label("发微信消息")).to_be_focused()


def test_a_menu_that_is_published_shows_by_itself_and_works(site: Site, phones: Page) -> None:
    phones.get_by_role("button", name="切换到菜单").click()
    menu = {
        "button": [{"name": "更多服务", "sub_button": [{"type": "click", "name": "停车", "key": "PARK"}]}]
    }
    site.call(lambda: setattr(site.wechat.rules, "menu", menu))
    phones.get_by_role("button", name="更多服务").click()
    phones.get_by_role("button", name="停车").click()
    expect(phones.locator("#wechat .talk-note")).to_have_text("点击菜单：停车")
    expect(phones.get_by_role("button", name="我的随访")).to_have_count(0)


def test_a_code_is_scanned_and_who_does_not_follow_follows_by_it(site: Site, phones: Page) -> None:
    def scan(code: str) -> None:
        phones.get_by_role("button", name="更多").click()
        phones.get_by_role("button", name="扫码…").click()
        phones.get_by_label("二维码的 ticket、网址或场景值").fill(code)
        phones.get_by_role("button", name="扫码", exact=True).click()

    scan("")
    expect(
        phones.locator(".toast, [role=status], [role=alert]").filter(has_text="没有这个二维码")
    ).to_be_visible()
    site.call(lambda: site.wechat.people.codes.update({"t1": ("http://weixin.qq.com/q/bd_1", None)}))
    scan("")
    expect(phones.locator("#wechat .talk-note").last).to_have_text("扫描二维码")
    site.run(site.wechat.user_unfollow(WANG.openid))
    expect(phones.locator("#quota")).to_have_text("未关注")
    scan("t1")
    expect(phones.locator("#wechat .talk-note").last).to_have_text("已关注")
    assert site.wechat.rules.users[WANG.openid].scene == "bd_1"


def test_who_does_not_follow_is_told_and_can_send_again(site: Site, phones: Page) -> None:
    phones.get_by_role("button", name="更多").click()
    phones.get_by_role("button", name="取消关注").click()
    expect(phones.locator("#quota")).to_have_text("未关注")
    phones.get_by_label("发微信消息").fill("在吗")
    phones.keyboard.press("Enter")
    expect(phones.locator("#toasts")).to_contain_text("还没有关注公众号")
    expect(phones.locator("#wechat .mine[data-state=failed]")).to_have_count(1)
    phones.get_by_role("button", name="更多").click()
    phones.get_by_role("button", name="关注公众号").click()
    expect(phones.locator("#quota")).to_contain_text("剩3条")
    phones.get_by_role("button", name="重发").click()
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(1)
    expect(phones.locator("#wechat .mine")).to_have_count(1)


def test_choosing_somebody_else_shows_their_phones_without_a_reload(site: Site, phones: Page) -> None:
    site.hospital_texts(WANG, "给王秀兰的")
    site.hospital_texts(LI, "给李建国的")
    expect(phones.locator("#sms")).to_contain_text("给王秀兰的")
    phones.locator("main").evaluate("node => { node.dataset.same = 'yes' }")
    phones.get_by_role("button", name="换一位").click()
    phones.get_by_label("按姓名或病种查找").press_sequentially("高血压")
    rows = phones.locator("#people-list [data-person]")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("139****5678")
    rows.first.press("Enter")
    expect(phones.locator("#sms")).to_contain_text("给李建国的")
    expect(phones.locator("#sms")).not_to_contain_text("给王秀兰的")
    assert phones.url.endswith("patient=p2") and phones.locator("main").get_attribute("data-same") == "yes"
    site.hospital_texts(WANG, "不该出现")
    site.hospital_texts(LI, "应该出现")
    expect(phones.locator("#sms")).to_contain_text("应该出现")
    expect(phones.locator("#sms")).not_to_contain_text("不该出现")
    phones.get_by_role("button", name="换一位").click()
    phones.get_by_label("按姓名或病种查找").fill("查无此人")
    expect(phones.locator("#people-list")).to_contain_text("没有找到“查无此人”")


def test_a_reload_shows_what_was_said(site: Site, phones: Page) -> None:
    phones.get_by_label("发微信消息").fill("第一句")
    phones.keyboard.press("Enter")
    expect(phones.locator("#wechat .mine:not([data-state])")).to_have_count(1)
    open_phones(phones, site)
    assert said(phones, "#wechat", "mine") == ["第一句"]


def test_the_steps_behind_are_told(site: Site, phones: Page) -> None:
    site.steps += [
        FeedStep("t1", "inbound", {"channel": "wechat", "kind": "text", "text": "你好", "status": "handled"}),
        FeedStep("t1", "screen", {"verdict": "none"}, took_ms=3),
        FeedStep("t2", "inbound", {"channel": "sms", "kind": "text", "text": "1", "status": "handled"}),
    ]
    phones.get_by_label("发微信消息").fill("你好")
    phones.keyboard.press("Enter")
    expect(phones.locator(".feed-turn")).to_have_count(2)
    expect(phones.locator(".feed-turn").first).to_contain_text("短信文字：1")
    expect(phones.locator(".feed-turn").last).to_contain_text("没有危险信号")


def test_a_narrow_screen_shows_one_phone_at_a_time(site: Site, phones: Page) -> None:
    phones.set_viewport_size(NARROW)  # type: ignore[arg-type]
    expect(phones.locator("#wechat")).to_be_visible()
    expect(phones.locator("#sms")).to_be_hidden()
    phones.get_by_role("button", name="短信", exact=True).click()
    expect(phones.locator("#sms")).to_be_visible()
    expect(phones.locator("#wechat")).to_be_hidden()
    assert phones.evaluate("document.documentElement.scrollWidth") == NARROW["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/sign-in", "/phones", "/nowhere"])
def test_axe_finds_nothing(site: Site, chromium: Browser, path: str, scheme: str) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    for size in (WIDE, NARROW):
        context = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",  # no half-open dialogs
            locale="zh-CN",
            bypass_csp=True,  # axe is injected
        )
        page = context.new_page()
        if path == "/phones":
            fill(site, open_phones(page, site))
            page.get_by_role("button", name="换一位").click()
            assert violations(page, axe) == []
            page.keyboard.press("Escape")
        else:
            page.goto(site.url + path)
        page.wait_for_load_state("load")
        if path == "/":
            expect(page.locator("#health")).to_contain_text("对话引擎 异常：正在启动")
        assert violations(page, axe) == []
        keep_picture(page, f"{path.strip('/') or 'home'}-{scheme}-{size['width']}")
        context.close()


def fill(site: Site, page: Page) -> None:
    """Something of every kind on both phones."""
    if not site.sms.transcript(WANG.phone):
        site.run(site.wechat.user_text(WANG.openid, "挂号"))
        site.hospital_writes(WANG, "您想看哪个科？", [("q1:a", "1 眼科"), ("q1:b", "2 皮肤科")])
        site.run(site.wechat.tap_menu(WANG.openid, "BOOK"))
        site.run(site.sms.user_text(WANG.phone, "1"))
        site.hospital_texts(WANG, "【伴医示范医院】已保留11月26日周四9:20的预约。", parts=2)
    expect(page.locator("#sms .theirs")).to_have_count(1)


def violations(page: Page, axe: Path) -> list[str]:
    page.add_script_tag(path=axe)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    )
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][-200:]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot when `BANYI_SHOTS` names a folder."""
    if folder := os.environ.get("BANYI_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_window_is_told_as_it_runs(site: Site, phones: Page) -> None:
    strip = phones.locator("#window")
    expect(strip).to_have_text("患者还没来消息，客服消息发不了")
    phones.get_by_role("button", name="切换到菜单").click()
    phones.get_by_role("button", name="我的随访").click()
    expect(strip).to_contain_text("点菜单得来 · 剩3/3条")
    expect(strip.locator(".pip.full")).to_have_count(3)
    phones.get_by_role("button", name="切换到键盘").click()
    phones.get_by_label("发微信消息").fill("你好")
    phones.keyboard.press("Enter")
    expect(strip).to_contain_text("发消息得来 · 剩5/5条 · 还有47小时59分")
    site.hospital_writes(WANG, "您好，请问哪里不舒服？")
    expect(strip).to_contain_text("剩4/5条")
    expect(strip.locator(".pip.full")).to_have_count(4)
    expect(phones.locator("#wechat .talk-below").last).to_have_text("客服消息，占1条额度")


def test_putting_the_clock_forward_asks_first_and_closes_the_window(site: Site, phones: Page) -> None:
    phones.get_by_label("发微信消息").fill("你好")
    phones.keyboard.press("Enter")
    expect(phones.locator("#window")).to_contain_text("剩5/5条")
    before = site.wechat.clock.now()
    phones.get_by_role("button", name="+1天").click()
    dialog = phones.get_by_role("dialog", name="时间往后拨1天")
    expect(dialog).to_contain_text("不能往回拨")
    dialog.get_by_role("button", name="取消").click()
    assert (site.wechat.clock.now() - before).total_seconds() < 3600
    for step, left in (
        ("+1天", "还有23小时59分"),
        ("+1小时", "还有22小时59分"),
        ("+1天", "窗口已关"),
    ):
        phones.get_by_role("button", name=step).click()
        phones.get_by_role("button", name="往后拨", exact=True).click()
        expect(phones.locator("#window")).to_contain_text(left)
    assert 48 < (site.wechat.clock.now() - before).total_seconds() / 3600 < 50


def test_pictures_and_voices_leave_the_phone(site: Site, phones: Page, tmp_path: Path) -> None:
    plus = phones.get_by_role("button", name="发图片或语音")
    plus.click()
    phones.get_by_role("button", name="发3秒语音").click()
    expect(phones.locator("#wechat .mine")).to_have_count(1)
    plus.press("Enter")
    phones.get_by_role("button", name="发一张示例图片").click()
    expect(phones.locator("#wechat .mine")).to_have_count(2)
    picture = tmp_path / "wound.jpg"
    picture.write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    phones.locator("#wx-file").set_input_files(picture)
    expect(phones.locator("#wechat .mine")).to_have_count(3)
    kinds = [one["kind"] for one in site.wechat.transcript(WANG.openid)]
    assert kinds == ["voice", "image", "image"] and len(site.pushes) == 3
    plus.click()
    phones.keyboard.press("Escape")
    expect(plus).to_be_focused()


def test_consent_to_a_notice_is_given_refused_and_taken_back(site: Site, phones: Page) -> None:
    phones.get_by_role("button", name="更多").click()
    phones.get_by_role("button", name="通知订阅…").click()
    row = phones.get_by_role("dialog", name="通知订阅").locator(".notice-row")
    expect(row).to_contain_text("没有同意")
    for count in (1, 2):
        row.get_by_role("button", name="同意预约结果通知").click()
        expect(row).to_contain_text(f"还能收{count}条")
    row.get_by_role("button", name="拒绝预约结果通知").click()
    expect(phones.locator("#toasts")).to_contain_text("已拒绝")
    row.get_by_role("button", name="关闭预约结果通知").click()
    expect(row).to_contain_text("没有同意")
    assert len(site.pushes) == 4


def test_the_rung_and_the_gates_reason_stand_with_each_try(site: Site, phones: Page) -> None:
    site.steps += [
        FeedStep("t1", "inbound", {"channel": "wechat", "kind": "text", "text": "你好", "status": "handled"}),
        FeedStep(
            "t1",
            "attempt",
            {
                "rung": "custom",
                "verdict": "refused",
                "code": "45015",
                "receipt": "",
                "gate": "患者刚发来消息",
            },
        ),
        FeedStep(
            "t1", "attempt", {"rung": "sms", "verdict": "accepted", "code": "OK", "receipt": "delivered"}
        ),
    ]
    phones.get_by_label("发微信消息").fill("你好")
    phones.keyboard.press("Enter")
    turn = phones.locator(".feed-turn").first
    expect(turn.locator(".feed-rung")).to_have_text(["客服消息", "短信"])
    expect(turn.locator(".feed-gate")).to_have_text("患者刚发来消息")
