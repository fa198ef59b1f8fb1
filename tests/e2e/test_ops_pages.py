"""The operators' pages in a real Chromium: the numbers of the rows, stopping and starting, a message's life, axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from channels.contacts.models import SendingWindow
from channels.outbox.delivery import Delivery
from channels.outbox.models import OutboundMessage
from channels.wording import registry
from server.people import CareDesk
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import catalogue, ops_app, staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import Running, served
from tests.factories import deliveries
from tests.factories.vendor import Vendor
from web.build import ROOT
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


class Ops:
    """The running pages with their database and everybody's session."""

    def __init__(
        self, running: Running, database: Database, clock: VirtualClock, tokens: dict[str, str]
    ) -> None:
        self.running, self.database, self.clock, self.tokens = running, database, clock, tokens

    @property
    def url(self) -> str:
        return self.running.url

    def message(
        self, status: str = "queued", tries: list[dict[str, Any]] | None = None, **values: Any
    ) -> OutboundMessage:
        """A message in the database, with its attempts."""

        async def work() -> OutboundMessage:
            async with self.database.write("test") as session:
                made = await deliveries.message(session, values.pop("at", self.clock.now()), status, **values)
                for number, one in enumerate(tries or (), 1):
                    await deliveries.attempt(session, made, n=number, **one)
                return made

        return self.running.run(work())

    def templates(self) -> None:
        """Templates in every state of review."""

        async def work() -> None:
            async with self.database.write("test") as session:
                now = self.clock.now()
                rows = await registry.register(
                    session, catalogue().sms_templates()[:7], now, account_id="aliyun"
                )
                for row, state in zip(rows, ("approved", "approved", "submitted", "rejected"), strict=False):
                    row.state, row.note = state, "变量过长，请改短" if state == "rejected" else None
                    row.sent_at = now

        self.running.run(work())

    def open_window(self, message: OutboundMessage) -> None:
        """The patient has just written: five customer messages are allowed."""

        async def work() -> None:
            async with self.database.write("test") as session:
                ends = self.clock.now() + timedelta(hours=48)
                session.add(SendingWindow(contact_id=message.contact_id, remaining=5, expires_at=ends))

        self.running.run(work())


@pytest.fixture
def ops(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Ops]:
    path = tmp_path / "ops.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(ops_app(database, clock)) as running:
        tokens = running.run(staff(database))
        yield Ops(running, database, clock, tokens)
        running.run(database.close())


def signed_in(ops: Ops, chromium: Browser, role: str, size: Any = None, **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": ops.tokens[role], "url": ops.url}])
    context.set_default_timeout(30_000)
    return context


def full(ops: Ops) -> dict[str, OutboundMessage]:
    """A day like others: something of everything."""
    now = ops.clock.now()
    for hour in range(24):
        for number in range(2 + hour * 3 % 7):
            ops.message(
                "delivered",
                [{}],
                at=now - timedelta(hours=hour, minutes=number),
                channel="sms" if number % 3 else "wechat",
            )
        if hour % 5 == 0:
            ops.message(
                "failed",
                [{"verdict": "refused", "code": "45015"}],
                at=now - timedelta(hours=hour),
                reason="45015",
            )
        if hour % 4 == 0:
            ops.message("suppressed", at=now - timedelta(hours=hour), reason="opted_out", purpose="education")
    ops.message(
        "uncertain",
        [{"verdict": "uncertain", "code": "timeout"}],
        channel="sms",
        reason="timeout",
        purpose="service_notice",
    )
    ops.message(reason="quiet_hours", due_at=now + timedelta(hours=2), purpose="follow_up")
    for _ in range(3):
        ops.message(campaign="流感疫苗提醒", purpose="education", at=now - timedelta(minutes=4))
    ops.message("delivered", campaign="流感疫苗提醒", purpose="education")
    story = ops.message(
        "passed_on",
        [
            {"verdict": "held", "gate": "quiet_hours", "rung": ""},
            {"verdict": "refused", "code": "45015", "detail": "response out of time limit"},
            {"verdict": "passed_on", "gate": "no_way_left", "rung": "sms"},
        ],
        purpose="service_notice",
        plan=["custom", "subscription_long", "sms"],
        rung="custom",
        reason="passed_on",
        key="common.call_us",
    )
    follows = ops.message(
        "delivered",
        [
            {
                "vendor_id": "900619746936498440^0",
                "receipt": "delivered",
                "receipt_at": now + timedelta(seconds=9),
            }
        ],
        channel="sms",
        continues=story.id,
        key="common.call_us",
        purpose="service_notice",
    )
    ops.templates()
    return {"story": story, "follows": follows}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(ops: Ops, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    made = full(ops)
    pages = {
        "delivery": "/ops/delivery",
        "fortnight": "/ops/delivery?window=14d&channel=sms",
        "messages": "/ops/delivery/messages?status=failed",
        "nothing": "/ops/delivery/messages?campaign=nothing",
        "templates": "/ops/templates",
        "life": f"/ops/delivery/{made['story'].id}",
        "follows": f"/ops/delivery/{made['follows'].id}",
    }
    for size in (WIDE, NARROW):
        context = signed_in(ops, chromium, "admin", size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for name, path in pages.items():
            page.goto(ops.url + path)
            page.wait_for_load_state("load")
            if os.environ.get("BANYI_SHOTS"):
                page.wait_for_timeout(400)
                page.screenshot(
                    path=Path(os.environ["BANYI_SHOTS"]) / f"ops-{name}-{scheme}-{size['width']}.png",
                    full_page=True,
                )
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        context.close()


@pytest.fixture
def context(ops: Ops, chromium: Browser) -> Iterator[BrowserContext]:
    """The operator's window; fails the test on a script error, a policy violation, a request that leaves the site."""
    opened = signed_in(ops, chromium, "operator")
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((ops.url, "data:")) else problems.append(sent.url),
        )

    opened.on("page", watch)
    yield opened
    opened.close()
    assert not problems


def tile(page: Page, title: str) -> Any:
    return page.locator(".ops-tile", has=page.get_by_role("link", name=title, exact=True)).locator(
        ".ops-number"
    )


def test_the_numbers_follow_the_rows_by_themselves(ops: Ops, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{ops.url}/ops/delivery")
    expect(tile(page, "排队中")).to_have_text("0")
    for _ in range(3):
        ops.message()
    ops.message("failed", reason="45015")
    expect(tile(page, "排队中")).to_have_text("3")
    expect(tile(page, "没发成")).to_have_text("1")
    expect(page.locator("#accounts")).to_contain_text("客服消息窗口已关")
    page.get_by_role("link", name="没发成", exact=True).click()
    expect(page.locator(".ops-lines tbody tr")).to_have_count(1)
    page.get_by_label("状态").select_option("queued")
    expect(page.locator(".ops-lines tbody tr")).to_have_count(3)
    assert "status=queued" in page.url


def test_a_paused_channel_keeps_its_messages_until_it_goes_on(ops: Ops, context: BrowserContext) -> None:
    vendor = Vendor()
    words = catalogue()
    policy = Gate(GateRules(), CatalogueWords(words))
    senders = {("wechat", "hospital"): vendor}
    delivery = Delivery(ops.database, ops.clock, words, senders, policy, CareDesk())
    message = ops.message(key="common.call_us")
    ops.open_window(message)
    page = context.new_page()
    page.goto(f"{ops.url}/ops/delivery")
    page.get_by_role("button", name="暂停全部微信").press("Enter")
    dialog = page.get_by_role("dialog", name="暂停发送")
    expect(dialog).to_contain_text("微信全部账号的消息都留在队列里")
    dialog.get_by_role("button", name="暂停").click()
    expect(dialog).to_be_visible()  # a reason is needed
    dialog.get_by_label("原因").fill("内容有误")
    dialog.get_by_role("button", name="暂停").click()
    expect(page.get_by_text("已停发。")).to_be_visible()
    expect(page.locator("#accounts")).to_contain_text("operator先生停发，原因：内容有误")
    assert ops.running.run(delivery.run_once()) == 0 and vendor.got == []
    expect(tile(page, "排队中")).to_have_text("1")
    page.goto(f"{ops.url}/ops/delivery/{message.id}")
    expect(page.get_by_role("status").filter(has_text="停发中")).to_contain_text("渠道 微信")
    page.goto(f"{ops.url}/ops/delivery")
    page.get_by_role("button", name="恢复微信发送").click()
    expect(page.get_by_text("已恢复发送。")).to_be_visible()
    ops.running.run(delivery.run_once())
    assert vendor.refs == [str(message.id)]
    expect(tile(page, "排队中")).to_have_text("0")
    expect(tile(page, "已发出")).to_have_text("1")
    page.goto(f"{ops.url}/ops/delivery/{message.id}")
    expect(page.locator(".ops-step-done")).to_contain_text("客服消息")
    expect(page.locator(".ops-line")).to_contain_text("对方已接收")


def test_the_emergency_stop_asks_twice_and_says_who(ops: Ops, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{ops.url}/ops/delivery")
    page.get_by_role("button", name="紧急停发").click()
    dialog = page.get_by_role("dialog", name="紧急停发")
    dialog.get_by_label("原因").fill("通知发错人")
    dialog.get_by_role("button", name="全部停发").click()
    expect(dialog).to_be_visible()  # the box must be ticked
    dialog.get_by_label("我知道患者").check()
    dialog.get_by_role("button", name="全部停发").click()
    alarm = page.get_by_role("alert")
    expect(alarm).to_contain_text("operator先生停发，原因：通知发错人")
    expect(page.get_by_role("button", name="紧急停发")).to_have_count(0)
    alarm.get_by_role("button", name="恢复发送").click()
    expect(alarm).to_have_count(0)
    expect(page.locator("#past-title")).to_be_visible()


def test_a_nurse_decides_about_an_unclear_message_and_reads_it(ops: Ops, chromium: Browser) -> None:
    message = ops.message(
        "uncertain", [{"verdict": "uncertain", "code": "timeout"}], reason="timeout", key="common.call_us"
    )
    context = signed_in(ops, chromium, "nurse")
    page = context.new_page()
    page.goto(f"{ops.url}/ops/delivery")
    expect(page.get_by_role("button", name="暂停")).to_have_count(0)
    row = page.locator(".ops-trouble")
    row.get_by_role("button", name="再发一次").click()
    dialog = page.get_by_role("dialog", name="再发一次")
    expect(dialog).to_contain_text("患者会收到两遍")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    row.get_by_role("button", name="已电话处理").click()
    page.get_by_role("dialog", name="已电话处理").get_by_role("button", name="记录").click()
    expect(page).to_have_url(f"{ops.url}/ops/delivery/{message.id}?said=phoned")
    expect(page.get_by_text("已记录为电话处理。")).to_be_visible()
    page.get_by_role("button", name="看原文").click()
    expect(page.locator("#words")).to_contain_text("0571-00000000")
    context.close()


def test_a_message_is_found_by_a_phone_number(ops: Ops, context: BrowserContext) -> None:
    message = ops.message("delivered", channel="sms")
    page = context.new_page()
    page.goto(f"{ops.url}/ops/delivery")
    page.get_by_label("查一条消息").fill("199 0000 0001")
    page.keyboard.press("Enter")
    expect(page.locator(".ops-lines tbody tr")).to_have_count(1)
    assert "0001" not in page.url, "no phone number in an address"
    page.locator(".ops-lines a").click()
    expect(page).to_have_url(f"{ops.url}/ops/delivery/{message.id}")


def test_drafts_are_marked_and_submitted(ops: Ops, chromium: Browser) -> None:
    ops.templates()
    context = signed_in(ops, chromium, "editor")
    page = context.new_page()
    page.goto(f"{ops.url}/ops/templates")
    expect(page.get_by_role("navigation", name="发送中心").get_by_role("link")).to_have_text(["模板"])
    expect(page.locator(".ops-template")).to_have_count(7)
    page.get_by_role("link", name="草稿 3").click()
    page.get_by_label("全选可以提交的 3 个").check()
    page.get_by_role("button", name="提交审核").click()
    expect(page.get_by_text("已提交，系统会按厂商的节奏逐个送审。")).to_be_visible()
    expect(page.get_by_role("link", name="等待提交 3")).to_be_visible()
    context.close()
