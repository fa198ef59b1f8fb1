"""The hospital's systems in a real Chromium: checked, settled by hand, a conflict seen; a phone's width; axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from care.appointments.models import Appointment, Status
from care.systems.fhir.system import FhirSystem
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.systems.conftest import Hospital
from tests.care.systems.site import a_bad_day, fhir_at, systems_app
from tests.channels.ops.site import staff
from tests.e2e.test_ops_pages import NARROW, WIDE, Ops, signed_in
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.threaded import served
from tests.factories.fhir_server import FhirServer
from tests.factories.peers import free_port
from web.build import ROOT
from web.signin.models import Role

pytestmark = pytest.mark.browser
PATIENCE = 30_000


class Site(Ops):
    server: FhirServer
    hospital: Hospital


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Site]:
    path = tmp_path / "systems.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    server, stack, port = FhirServer(), AsyncExitStack(), free_port()
    system: FhirSystem = fhir_at(f"http://127.0.0.1:{port}/fhir")

    async def life() -> Hospital:
        await stack.enter_async_context(server.serving(port))
        return await a_bad_day(database, clock, system, server)

    async def close() -> None:
        await system.close()
        await stack.aclose()
        await database.close()

    with served(systems_app(database, clock, system)) as running:
        hospital = running.run(life())
        made = Site(running, database, clock, running.run(staff(database, Role.OPERATOR)))
        made.server, made.hospital = server, hospital
        yield made
        running.run(close())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_what_is_stuck_is_settled_and_what_differs_is_seen(
    site: Site, chromium: Browser, size: Any, tmp_path: Path
) -> None:
    """Axe needs the policy on scripts lifted: the wide page is looked at with it, the narrow one by axe."""
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    checked = size is NARROW
    with signed_in(site, chromium, "operator", size, bypass_csp=checked) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{site.url}/ops/systems", wait_until="load")
        expect(page.get_by_text("号已被约走 · 王*兰")).to_be_visible()
        page.screenshot(path=tmp_path / f"systems-{size['width']}.png", full_page=True)
        assert not checked or violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="检查连接").click()
        expect(page.get_by_text("连接有问题：系统出错")).to_be_visible(timeout=PATIENCE)
        site.server.broken = False
        page.get_by_role("button", name="检查连接").click()
        expect(page.get_by_text("连接正常")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="人工结案").first.click()
        page.get_by_label("没有（没办成）").check()
        page.locator("dialog[open] textarea").fill("电话问过信息科，没有这条")
        page.screenshot(path=tmp_path / f"settling-{size['width']}.png")
        assert not checked or violations(page, axe) == []
        page.locator("dialog[open]").get_by_role("button", name="人工结案").click()
        expect(page.get_by_text("已结案，病人会收到结果。")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name=re.compile("看过了.*号已被约走")).click()
        page.locator("dialog[open] textarea").fill("病人已改约")
        page.locator("dialog[open]").get_by_role("button", name="看过了").click()
        expect(page.get_by_text("已记下。")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("没有要处理的消息。")).to_be_visible()
        page.get_by_role("link", name="预约 · 李*").click()
        expect(page.get_by_text("电话问过信息科，没有这条")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("D0000002")).to_be_visible()
        assert not checked or violations(page, axe) == []
        page.screenshot(path=tmp_path / f"message-{size['width']}.png", full_page=True)
    statuses = site.running.run(every_status(site.hospital))
    assert statuses == [Status.CANCELLED, Status.CANCELLED]


async def every_status(hospital: Hospital) -> list[str]:

    async with hospital.database.read() as session:
        return list(await session.scalars(select(Appointment.status)))
