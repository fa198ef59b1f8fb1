"""The schedule page in a real Chromium: a clinic moved over a booked patient, the way to 停诊, taken back; a day off; axe; a phone's width."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from care.appointments import outside, slots
from care.appointments import service as appointments
from care.appointments.pages import clinics_router
from care.appointments.scheduling.pages import schedules_router
from care.appointments.views import Held
from care.desk.pages.desk import Desk
from care.systems.outward import Outward
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.conftest import World, build
from tests.channels.ops.site import staff
from tests.e2e.test_ops_pages import NARROW, WIDE, Ops, signed_in
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import served
from web import build as web_build
from web.build import ROOT
from web.shell import install_shell
from web.signin.models import Role
from web.signin.pages import signin_router

pytestmark = pytest.mark.browser
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def schedules_app(database: Database, clock: VirtualClock) -> FastAPI:
    """The pages alone, with the one a closure is made on."""
    web_build.build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(clinics_router(Desk(database, clock)))
    app.include_router(schedules_router(Desk(database, clock), 7))
    return app


async def a_booked_hospital(database: Database, clock: VirtualClock) -> World:
    """Three doctors with slots; 王秀兰 has the first of 李敏's."""
    async with database.write("a hospital") as session:
        world = await build(session, clock)
        now = clock.now()
        [first] = await slots.find_slots(session, now=now, practitioner_id=world.li, limit=1)
        held = await appointments.hold(session, slot_id=first.slot_id, patient_id=world.wang, now=now)
        assert isinstance(held, Held)
        await appointments.confirm(session, held.hold_id, now=now, created_via="wechat")
    return world


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Ops]:
    path = tmp_path / "schedules.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(schedules_app(database, clock)) as running:
        running.run(asyncio.wait_for(a_booked_hospital(database, clock), 60))
        tokens = running.run(staff(database, Role.NURSE))
        yield Ops(running, database, clock, tokens)
        running.run(database.close())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_moved_over_a_booked_patient_and_taken_back(
    site: Ops, chromium: Browser, size: Any, tmp_path: Path
) -> None:
    """Axe needs the policy on scripts lifted: the wide page is looked at with it, the narrow one by axe."""
    checked = size is NARROW
    with signed_in(site, chromium, "nurse", size, bypass_csp=checked) as context:
        page: Page = context.new_page()

        def look(name: str) -> None:
            page.screenshot(path=tmp_path / f"{name}-{size['width']}.png", full_page=True)
            assert not checked or violations(page, AXE) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

        page.goto(f"{site.url}/desk/schedules", wait_until="load")
        expect(page.get_by_role("heading", name="李敏 副主任医师的一周")).to_be_visible()
        expect(page.get_by_text("没有登记。每周都按上面出诊。")).to_be_visible()
        look("week")

        page.get_by_role("link", name="周二上午 09:00-10:00").click()
        page.get_by_label("从", exact=True).fill("10:30")
        page.get_by_label("到", exact=True).fill("09:30")
        page.get_by_role("button", name="看看会怎样").click()
        expect(page.get_by_role("alert")).to_contain_text("结束要晚于开始")
        page.get_by_label("从", exact=True).fill("09:30")
        page.get_by_label("到", exact=True).fill("10:30")
        page.get_by_label("最大年龄").fill("14")
        page.get_by_role("button", name="看看会怎样").click()
        expect(page.get_by_role("heading", name="保存后会这样")).to_be_visible()
        expect(page.get_by_text("新放3个时段，收回3个，改动3个")).to_be_visible()
        expect(page.get_by_text("已有1人")).to_be_visible()
        look("looked-at")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_text("已经有人约，没有动")).to_be_visible()
        look("stuck")
        way = page.get_by_role("link", name="停诊并通知")
        expect(way).to_have_count(1)
        way.click()
        expect(page.get_by_role("heading", level=2).first).to_contain_text("会影响1位已预约的病人")

        page.go_back()
        page.get_by_role("button", name="撤销：修改 每周出诊").first.click()
        expect(page.get_by_text("已撤销，号源恢复到改之前")).to_be_visible()
        expect(page.get_by_role("link", name="停诊并通知")).to_have_count(0)

        page.get_by_role("link", name="登记一天").click()
        tuesday = site.clock.local().date() + timedelta(days=1)
        while tuesday.weekday() != 1:
            tuesday += timedelta(days=1)
        page.get_by_label("哪一天").fill((tuesday + timedelta(days=2)).isoformat())
        page.get_by_label("哪个出诊").select_option(label="周二 09:00-10:00")
        page.get_by_label("照下面出诊").check()
        page.get_by_role("button", name="看看会怎样").click()
        look("exception")
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_text("加一次出诊")).to_be_visible()

        page.get_by_role("link", name="节假日和调休").click()
        page.get_by_label("哪一天").fill(tuesday.isoformat())
        page.get_by_role("button", name="看看会怎样").click()
        expect(page.get_by_role("alert")).to_contain_text("放假要写个名称")
        page.get_by_label("放假的名称").fill("院庆")
        page.get_by_role("button", name="看看会怎样").click()
        expect(page.get_by_text("已有1人")).to_be_visible()
        page.get_by_role("button", name="保存").click()
        expect(page.get_by_text("院庆")).to_be_visible()
        expect(page.get_by_role("link", name="停诊并通知：李敏")).to_be_visible()
        look("days")


def test_a_system_outside_owns_the_times(site: Ops, chromium: Browser, tmp_path: Path) -> None:
    before = outside.current()
    outside.install(Outward("fhir"))
    try:
        with signed_in(site, chromium, "nurse", NARROW, bypass_csp=True) as context:
            page = context.new_page()
            page.goto(f"{site.url}/desk/schedules", wait_until="load")
            expect(page.get_by_text("请在医院系统里改").first).to_be_visible()
            expect(page.get_by_text("剩5个号，已约1个")).to_be_visible()
            expect(page.get_by_role("link", name="加一个每周出诊")).to_have_count(0)
            page.screenshot(path=tmp_path / "outside.png", full_page=True)
            assert violations(page, AXE) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            doctor = page.locator('select[name="doctor"]').input_value()
            page.goto(f"{site.url}/desk/schedules/clinic?doctor={doctor}", wait_until="load")
            expect(page.get_by_text("没有改动：号源由医院系统排")).to_be_visible()
    finally:
        outside.install(before)
