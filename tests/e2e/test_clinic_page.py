"""停诊 in a real Chromium on the whole installation: seen before, taken back once, told to the patient's phone, who chooses another
time with one tap and a yes; the nurse watches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.views import Booked, Held
from care.hospital.models import HealthcareService
from care.patients import service as patients
from server.settings import ROOT
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.installation import WECHAT, Installation, wait_until
from tests.e2e.phone import Person, Phone
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

NAME = "石停云"
DEPARTMENT = "疼痛科"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Visit:
    """What the patient has booked: nothing of it is anybody else's in these tests."""

    department: UUID
    doctor: UUID
    doctor_name: str
    day: date
    part: str
    appointment: UUID


def _booked(home: Installation, phone: Phone) -> Visit:
    now = home.now()

    async def work(session: AsyncSession) -> Visit:
        department = (
            await session.scalars(select(HealthcareService).where(HealthcareService.name == DEPARTMENT))
        ).one()
        halves = await slots.find_half_days(session, now=now, department_id=department.id, limit=50)
        last = halves[-1].first
        patient = await patients.get_by_record_number(session, phone.people[0].number)
        assert patient is not None
        held = await appointments.hold(
            session, slot_id=last.slot_id, patient_id=patient.id, now=now, contact_id=phone.contact_id
        )
        assert isinstance(held, Held)
        done = await appointments.confirm(session, held.hold_id, now=now, created_via="wechat")
        assert isinstance(done, Booked)
        return Visit(
            department.id,
            last.practitioner_id,
            last.practitioner,
            last.day,
            last.part,
            done.appointment.appointment_id,
        )

    visit: Visit = home.write(work)
    return visit


@pytest.fixture
def nurse(home: Installation, chromium: Browser) -> Iterator[Page]:
    async def account(session: AsyncSession) -> str:
        name = f"clinic-{uuid4().hex[:8]}"
        user = await create_user(
            session, username=name, display_name="张护士", password=PASSWORD, roles=[Role.NURSE]
        )
        return await open_session(session, user, real_now())

    context = chromium.new_context(
        viewport={"width": 1280, "height": 900},
        locale="zh-CN",
        reduced_motion="reduce",
        bypass_csp=True,  # axe is injected
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": home.write(account), "url": home.url}])
    context.set_default_timeout(30_000)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    yield page
    context.close()
    assert not problems


def close(page: Page, home: Installation, visit: Visit) -> None:
    """From the week to the page of the closure."""
    page.goto(f"{home.url}/desk/clinics?department={visit.department}&start={visit.day.isoformat()}")
    keep_picture(page, "week")
    assert violations(page, AXE) == []
    page.get_by_role("link", name=f"{visit.doctor_name}停诊").click()
    page.get_by_label("什么时段").select_option(visit.part)
    page.get_by_label("原因").select_option("illness")
    page.get_by_role("button", name="看看会影响谁").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("会影响1位已预约的病人")
    expect(page.get_by_role("rowheader", name=NAME)).to_be_visible()
    page.get_by_role("button", name="停诊并通知").click()
    expect(page.get_by_role("dialog")).to_contain_text("一分钟内可以撤回")
    keep_picture(page, "sure")
    assert violations(page, AXE) == []
    page.get_by_role("dialog").get_by_role("button", name="确认").click()
    expect(page.get_by_role("status").first).to_contain_text("已停诊")


def nobody_arrives_before_the_day(home: Installation, nurse: Page, visit: Visit) -> None:
    """There is no button for it, and what is sent all the same is refused with a word on what to do."""
    nurse.goto(
        f"{home.url}/desk/clinics/day?doctor={visit.doctor}&day={visit.day.isoformat()}&part={visit.part}"
    )
    row = nurse.get_by_role("row").filter(has=nurse.get_by_role("link", name=NAME))
    expect(row).to_contain_text("已约")
    expect(row.get_by_role("button")).to_have_count(0)
    where = f"/desk/clinics/appointments/{visit.appointment}/arrived"
    nurse.evaluate(
        """where => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = where;
            form.append(document.querySelector('input[name="csrf_token"]').cloneNode());
            document.body.append(form);
            form.submit();
        }""",
        where,
    )
    expect(nurse.get_by_text("不是今天的号，不能报到")).to_be_visible()


def test_from_the_week_to_the_patients_new_time(home: Installation, nurse: Page) -> None:
    phone = Phone.open(home, WECHAT, Person(NAME))
    phone.say("你好")  # WeChat takes messages for 48 hours after the patient wrote
    visit = _booked(home, phone)
    nobody_arrives_before_the_day(home, nurse, visit)

    close(nurse, home, visit)
    nurse.get_by_role("button", name="撤回").click()
    expect(nurse.get_by_role("status").first).to_contain_text("没有通知任何人")
    home.advance(timedelta(minutes=1))

    close(nurse, home, visit)
    assert phone.transcript(phone.seen) == [], "taken back: nobody heard of the first one"
    expect(nurse.locator("#now")).to_contain_text(re.compile(r"还有\d+秒开始通知，在这之前可以撤回"))
    home.advance(timedelta(minutes=1))
    [event] = wait_until(lambda: phone.transcript(phone.seen), "the patient is told")
    assert "停诊" in event["text"]
    assert visit.doctor_name in event["text"]
    expect(nurse.locator("#told")).to_have_text("已处理1位，共1位")
    # Without a reload: nothing on the page says any more that it can be taken back.
    expect(nurse.get_by_role("main")).to_contain_text("撤不回了")
    expect(nurse.get_by_role("main")).not_to_contain_text("可以撤回")
    expect(nurse.get_by_role("button", name="撤回")).to_have_count(0)
    turn = phone.act("tap", {"id": event["menu"][0]["id"]})
    assert turn.keys == ["booking.confirm"]
    assert phone.tap("确认").keys == ["booking.booked"]
    nurse.reload()
    expect(nurse.locator("#now")).to_contain_text("已改约1", use_inner_text=False)
    keep_picture(nurse, "closure")
    assert violations(nurse, AXE) == []
    nurse.get_by_role("button", name="恢复放号").click()
    expect(nurse.get_by_role("dialog")).to_contain_text("不会自动恢复")
    nurse.get_by_role("dialog").get_by_role("button", name="恢复放号").click()
    expect(nurse.locator("#now")).to_contain_text("1位病人在这之前已经知道停诊")

    nurse.set_viewport_size({"width": 375, "height": 800})
    nurse.goto(
        f"{home.url}/desk/clinics/day?doctor={visit.doctor}&day={visit.day.isoformat()}&part={visit.part}"
    )
    keep_picture(nurse, "day-narrow")
    assert violations(nurse, AXE) == []
    assert nurse.evaluate("document.documentElement.scrollWidth") <= 375
    nurse.goto(f"{home.url}/desk/clinics/closures")
    expect(nurse.get_by_role("main")).to_contain_text(visit.doctor_name)
    assert violations(nurse, AXE) == []
