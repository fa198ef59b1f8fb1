"""Signing in, one's account, staff and the audit trail in a real Chromium: by hand, narrow and wide, light and dark, axe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select, update

from care.patients import service as patients
from server.trail import TrailPeople
from store import audit
from store.audit import AuditSealer
from store.clock import real_now
from store.crypto import Keyring
from store.database import Database
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.threaded import Running, served
from tests.web.signin.site import PASSWORD, people, signin_app
from web.audit.pages import AuditDesk, audit_router
from web.build import ROOT
from web.shell import NavLink
from web.signin.models import StaffSession, StaffUser
from web.signin.rules import SignInRules

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


class House:
    """The running pages, with a patient and a morning of rows in the trail."""

    def __init__(self, running: Running, database: Database) -> None:
        self.running, self.database = running, database

    @property
    def url(self) -> str:
        return self.running.url

    def change(self, username: str, **values: Any) -> None:
        async def work() -> None:
            async with self.database.write("test") as session:
                user = (await session.scalars(select(StaffUser).where(StaffUser.username == username))).one()
                for name, value in values.items():
                    setattr(user, name, value)

        self.running.run(work())

    def idle_since(self, ago: timedelta) -> None:
        async def work() -> None:
            async with self.database.write("test") as session:
                await session.execute(update(StaffSession).values(last_seen_at=real_now() - ago))

        self.running.run(work())


@pytest.fixture(params=["required"])
def rules(request: pytest.FixtureRequest) -> SignInRules:
    return SignInRules(totp=request.param)


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path, keyring: Keyring, rules: SignInRules) -> Iterator[House]:
    path = tmp_path / "signin.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    app = signin_app(database, rules)
    sealer = AuditSealer(database, b"a" * 32)
    app.include_router(audit_router(AuditDesk(database, app.state.clock, sealer, TrailPeople())))
    app.state.nav = [
        NavLink("审计", "/admin/audit", frozenset({"auditor"})),
        NavLink("员工", "/admin/staff", frozenset({"admin"})),
    ]
    with served(app) as running:

        async def morning() -> None:
            await people(database)
            now = app.state.clock.now()
            async with database.write("a morning") as session:
                nurse = (await session.scalars(select(StaffUser).where(StaffUser.username == "zhang"))).one()
                data = patients.PatientData("D0000042", "欧阳海棠", "female", phone="+8613812345678")
                patient = await patients.create(session, data, now)
                for minutes in range(60):
                    whom = [audit.subject_of("patient", patient.id)]
                    at = now - timedelta(minutes=minutes)
                    audit.read(session, nurse.id, whom, at, "delivery", part="words")
            await sealer.seal_once()

        running.run(morning())
        yield House(running, database)
        running.run(database.close())


def new_context(chromium: Browser, size: Any = None, **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.set_default_timeout(30_000)
    return context


def sign_in(page: Page, house: House, username: str, path: str = "/account") -> None:
    page.goto(f"{house.url}{path}")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()


def enrol(page: Page) -> str:
    """Set up the second factor by the secret in text; the recovery page is next."""
    secret = page.locator("#totp-secret").inner_text().replace(" ", "")
    page.get_by_label("验证码").fill(pyotp.TOTP(secret).at(real_now(), counter_offset=-1))
    page.get_by_role("button", name="完成设置").click()
    return secret


def test_a_first_day_and_the_next_morning(house: House, chromium: Browser) -> None:
    """Start password, second factor, recovery codes; then a code; then the screen nobody sits at."""
    house.change("zhang", must_change_password=True)
    context = new_context(chromium, NARROW)
    page = context.new_page()
    sign_in(page, house, "zhang")
    page.get_by_label("新密码").fill("another password")
    page.get_by_label("再输入一遍").fill("another password")
    page.get_by_role("button", name="保存并继续").click()
    expect(page.get_by_role("img", name="给验证器扫的二维码")).to_be_visible()
    shown = page.evaluate("document.querySelector('main img').naturalWidth")
    assert shown > 100, "the code is an image the policy lets through"
    secret = enrol(page)
    expect(page.get_by_role("listitem")).to_have_count(10)
    page.get_by_role("link", name="我已经收好，继续").click()
    expect(page.get_by_role("heading", name="张护士")).to_be_visible()
    page.get_by_role("button", name="退出登录").click()
    page.goto(f"{house.url}/account")
    page.get_by_label("用户名").fill("zhang")
    page.get_by_label("密码").fill("another password")
    page.keyboard.press("Enter")
    expect(page.get_by_label("验证码或恢复码")).to_be_focused()
    page.keyboard.type(pyotp.TOTP(secret).at(real_now()))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="张护士")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    house.idle_since(timedelta(hours=1))
    page.reload()
    expect(page.get_by_label("用户名")).to_be_visible()
    context.close()


@pytest.mark.parametrize("rules", ["offered"], indirect=True)
def test_a_screen_nobody_sits_at_is_left(house: House, chromium: Browser) -> None:
    context = new_context(chromium)
    page = context.new_page()
    page.clock.install()
    sign_in(page, house, "zhang")
    expect(page.get_by_role("heading", name="张护士")).to_be_visible()
    with page.expect_request("**/account/here"):
        page.clock.run_for(20 * 60_000)
        page.mouse.click(5, 400)
    page.clock.run_for(29 * 60_000 + 10_000)
    expect(page.locator("#toasts")).to_contain_text("一分钟后会自动退出")
    house.idle_since(timedelta(minutes=31))
    page.clock.run_for(60_000)
    expect(page.get_by_role("alert")).to_contain_text("已自动退出")
    context.close()


@pytest.mark.parametrize("rules", ["offered"], indirect=True)
def test_an_administrator_makes_and_stops_an_account(house: House, chromium: Browser) -> None:
    context = new_context(chromium)
    page = context.new_page()
    sign_in(page, house, "root", "/admin/staff")
    page.get_by_role("link", name="添加账号").click()
    page.get_by_label("用户名").fill("wu")
    page.get_by_label("姓名").fill("吴医生")
    page.get_by_label("医生").check()
    page.get_by_role("button", name="添加").click()
    assert len(page.locator("#start-password").inner_text()) == 19
    page.get_by_role("link", name="我已经交给对方").click()
    page.get_by_role("button", name="停用账号").click()
    dialog = page.get_by_role("dialog", name="停用账号")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="停用").click()
    expect(page.get_by_role("status").first).to_contain_text("账号已停用")
    page.get_by_role("button", name="撤销").click()
    expect(page.get_by_role("status").first).to_contain_text("已恢复使用")
    context.close()


@pytest.mark.parametrize("rules", ["offered"], indirect=True)
def test_an_auditor_finds_proves_and_exports(house: House, chromium: Browser) -> None:
    house.change("liu", roles=["auditor"])
    context = new_context(chromium)
    page = context.new_page()
    sign_in(page, house, "liu", "/admin/audit")
    expect(page.get_by_role("row")).to_have_count(51)
    page.get_by_role("link", name="更早的记录").click()
    expect(page.get_by_role("row").nth(5)).to_contain_text("张护士")
    page.get_by_role("searchbox").fill("欧阳海棠")
    page.get_by_role("button", name="查这位患者").click()
    expect(page.get_by_text("只看关于")).to_be_visible()
    assert "欧阳" not in page.url
    page.get_by_role("button", name="现在核对").click()
    expect(page.locator("#chain")).to_contain_text("前后相扣")
    with page.expect_download() as download:
        page.get_by_role("button", name="导出表格").click()
    assert "张护士" in Path(download.value.path()).read_text("utf-8-sig")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(house: House, chromium: Browser, scheme: Any) -> None:
    house.change("root", roles=["admin", "auditor"])
    for size in (WIDE, NARROW):
        house.change("root", totp_since=None, totp_secret_sealed=None, must_change_password=True)
        context = new_context(chromium, size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()

        def look(name: str, page: Page = page, width: int = size["width"]) -> None:
            page.wait_for_load_state("load")
            assert violations(page, AXE) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") == width, name
            keep_picture(page, f"signin-{name}-{scheme}-{width}")

        sign_in(page, house, "root")
        look("password")
        house.change("root", must_change_password=False)
        page.get_by_label("新密码").fill(f"a password {scheme} {size['width']}")
        page.get_by_label("再输入一遍").fill(f"a password {scheme} {size['width']}")
        page.get_by_role("button", name="保存并继续").click()
        look("enrol")
        enrol(page)
        look("recovery")
        for name, path in (
            ("account", "/account"),
            ("staff", "/admin/staff"),
            ("new", "/admin/staff/new"),
            ("audit", "/admin/audit"),
            ("nothing", "/admin/audit?action=unbind"),
        ):
            page.goto(house.url + path)
            look(name)
        page.goto(f"{house.url}/admin/staff?q=zhang")
        page.get_by_role("link", name="张护士").click()
        look("one")
        page.get_by_role("button", name="停用账号").click()
        look("dialog")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="退出登录").click()
        sign_in_with(page, house, f"a password {scheme} {size['width']}")
        expect(page.get_by_label("验证码或恢复码")).to_be_focused()
        look("code")
        page.get_by_label("验证码或恢复码").fill("000000")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("验证码不对")
        look("wrong-code")
        context.close()
        house.change("root", password_hash=hashed())


def sign_in_with(page: Page, house: House, password: str) -> None:
    page.goto(f"{house.url}/account")
    page.get_by_label("用户名").fill("root")
    page.get_by_label("密码").fill(password)
    page.keyboard.press("Enter")


def hashed() -> str:
    from web.signin.service import hash_password

    return hash_password(PASSWORD, "root")
