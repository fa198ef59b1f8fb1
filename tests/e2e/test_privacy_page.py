"""A person's own data in a real Chromium: a deletion seen and done on /desk/privacy, a copy fetched, satisfaction read; axe, two sizes.

`BANYI_SHOTS` names a folder for pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from care.desk.pages.desk import Desk
from care.patients import service as patients
from care.patients.service import PatientData
from care.privacy import requests
from care.privacy.document import document
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from care.privacy.pages.patient import Shelf, my_data_router
from care.privacy.pages.staff import privacy_router
from care.privacy.worker import PrivacyWorker
from care.recovery.pages import recovery_router
from care.recovery.worker import RecoveryWorker
from channels.outbox.models import OutboundMessage
from content.insight.satisfaction.pages import satisfaction_router
from store import events
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.care.privacy.ground import lay
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.threaded import Running, served
from tests.factories.outreach import town
from web.build import ROOT, build
from web.shell import install_shell
from web.signin.pages import SESSION_COOKIE, signin_router

pytestmark = pytest.mark.browser

SIZES: tuple[Any, ...] = ({"width": 1280, "height": 900}, {"width": 375, "height": 800})
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WANG = PatientData("D1", "王秀兰", "female", date(1964, 3, 12), "19900000001", "990100196403120024")


class House:
    """The pages over a patient with something in most tables, two requests, and some dissatisfied visits."""

    def __init__(self, running: Running, database: Database, clock: VirtualClock, folder: Path) -> None:
        self.running, self.url, self.database, self.clock = running, running.url, database, clock
        self.tokens = running.run(staff(database))
        self.worker = PrivacyWorker(
            database,
            clock,
            speak=lambda stored: str(stored["key"]),
            render=lambda content: document(content, hospital="云江市示范医院", zone=clock.zone),
            site=running.url,
        )
        self.link = running.run(self._fill(folder))

    async def _fill(self, folder: Path) -> str:
        now = self.clock.now()
        async with self.database.write() as session:
            whom = (await patients.create(session, WANG, now)).id
        ground = await lay(self.database, self.clock, folder, whom)
        async with self.database.write() as session:
            given = {"conversation_id": ground.talk, "contact_id": ground.contact, "patient_id": whom}
            for kind, due in ((RequestKind.DELETION, now), (RequestKind.EXPORT, None)):
                await requests.open_request(session, kind, key=f"{kind}:1", now=now, task_due=due, **given)
        assert await self.worker.once()
        async with self.database.write("town") as session:
            of = await town(session, self.clock, people=80)
            for number, patient in enumerate(of.patients):
                answer = of.answers(patient, now - timedelta(hours=1), "completed", 1 + number % 5)
                answer.name = "satisfaction"
                done = {"response_id": str(answer.id), "questionnaire": "satisfaction"}
                events.emit(session, patient, "questionnaire.completed", now, **done)
        recovery = RecoveryWorker(
            self.database,
            self.clock,
            complains=lambda text: False,
            due_at=lambda kind, at: at + timedelta(hours=1),
            hospital="云江市示范医院",
        )
        while await recovery.once():
            pass
        async with self.database.read() as session:
            told = [row.reply for row in await session.scalars(select(OutboundMessage))]
        (ready,) = [one for one in told if one["key"] == "privacy.export_ready"]
        return str(ready["params"]["link"])

    async def deletion(self) -> PrivacyRequest:
        async with self.database.read() as session:
            wanted = select(PrivacyRequest).where(PrivacyRequest.kind == RequestKind.DELETION)
            return (await session.scalars(wanted)).one()


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[House]:
    path = tmp_path / "privacy.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    build()
    app = FastAPI()
    app.state.database, app.state.clock, app.state.hospital_name = database, clock, "云江市示范医院"
    app.state.nav = []
    install_shell(app)
    app.include_router(signin_router())
    desk = Desk(database, clock)
    for router in (privacy_router(desk), recovery_router(desk), my_data_router(Shelf(database, clock))):
        app.include_router(router)
    app.include_router(satisfaction_router(database, clock, 10))
    with served(app) as running:
        yield House(running, database, clock, tmp_path)
        running.run(database.close())


def opened(house: House, chromium: Browser, who: str = "") -> Page:
    context = chromium.new_context(viewport=SIZES[0], locale="zh-CN", accept_downloads=True, bypass_csp=True)
    context.set_default_timeout(30_000)
    if who:
        context.add_cookies([{"name": SESSION_COOKIE, "value": house.tokens[who], "url": house.url}])
    return context.new_page()


def looked_at(page: Page, name: str) -> None:
    """At both sizes: nothing to scroll sideways for, nothing axe complains of."""
    for size in SIZES:
        page.set_viewport_size(size)
        keep_picture(page, f"{name}-{size['width']}")
        assert violations(page, AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.set_viewport_size(SIZES[0])


def test_a_copy_is_fetched_a_deletion_is_done_and_satisfaction_is_read(
    house: House, chromium: Browser
) -> None:
    _fetched(house, opened(house, chromium))
    _deleted(house, chromium)
    page = opened(house, chromium, "nurse")
    page.goto(f"{house.url}/desk/recovery")
    looked_at(page, "recovery")
    page.get_by_role("button", name="我来联系").first.click()
    expect(page.get_by_text("已记在您名下。")).to_be_visible()
    page.get_by_role("button", name="记下结果").first.click()
    expect(page.get_by_text("已记下结果。")).to_be_visible()
    page = opened(house, chromium, "editor")
    page.goto(f"{house.url}/insight/satisfaction")
    expect(page.get_by_role("region", name="各科室满意度的数字")).to_contain_text("%")
    looked_at(page, "satisfaction")


def _fetched(house: House, page: Page) -> None:
    page.goto(house.link)
    looked_at(page, "my-data")
    page.get_by_label("身份证后四位").fill("9999")
    page.get_by_role("button", name="JSON").click()
    expect(page.get_by_role("alert")).to_contain_text("还可以试 4 次")
    for kind in ("JSON", "PDF"):
        page.get_by_label("身份证后四位").fill("0024")
        with page.expect_download() as coming:
            page.get_by_role("button", name=kind).click()
        body = coming.value.path().read_bytes()
        if kind == "PDF":
            assert body.startswith(b"%PDF")
        else:
            names = {one["resource"]["resourceType"] for one in json.loads(body)["fhir"]["entry"]}
            assert {"Patient", "QuestionnaireResponse"} <= names
    house.clock.advance(timedelta(hours=2))
    page.goto(house.link)
    expect(page.get_by_text("这个链接已经失效")).to_be_visible()


def _deleted(house: House, chromium: Browser) -> None:
    page = opened(house, chromium, "nurse")
    page.goto(f"{house.url}/desk/privacy")
    looked_at(page, "privacy-list")
    page.get_by_role("link", name="删除").click()
    expect(page.get_by_text("只有管理员和运维人员可以办理")).to_be_visible()
    page = opened(house, chromium, "operator")
    request: UUID = house.running.run(house.deletion()).id
    page.goto(f"{house.url}/desk/privacy/{request}")
    expect(page.get_by_role("region", name="会删除")).to_contain_text("绑定关系")
    expect(page.get_by_role("region", name="依法继续保存")).to_contain_text("门诊病历保存不少于15年")
    looked_at(page, "privacy-deletion")
    page.get_by_role("button", name="确认删除").first.click()
    page.get_by_role("checkbox").check()
    looked_at(page, "privacy-confirm")
    page.get_by_role("dialog").get_by_role("button", name="确认删除").click()
    expect(page.get_by_text("已经删除，正在通知患者。")).to_be_visible()
    house.clock.advance(timedelta(days=2))
    house.running.run(house.worker.once())
    assert house.running.run(house.deletion()).status == RequestStatus.DONE
