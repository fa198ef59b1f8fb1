"""Visits to come, in a real Chromium on the whole application: a nurse rings who is silent, closes a half-day and takes it back, gives a
department its own days, and looks at what the no-show model goes by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service
from care.appointments.coming.models import Told, VisitReminder
from care.appointments.models import Appointment, Slot, Status
from care.appointments.noshow import model
from care.appointments.noshow import service as noshow
from care.appointments.views import Booked, Held
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.workdays import workdays
from care.patients import service as patients
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.noshow.test_model import history
from tests.channels.ops.site import staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.fuzz.served import Served, served
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SLOW = 60_000
LIKELY, SILENT, ABSENT = "常爽约", "静无声", "缺未到"
T = TypeVar("T")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("coming")) as running:
        yield running


def write(house: Served, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def inside() -> T:
        database = Database(house.settings.database)
        try:
            async with database.write("test") as session:
                return await work(session)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
        return aside.submit(lambda: asyncio.run(inside())).result()


async def _book(session: AsyncSession, slot: Slot, name: str, now: datetime) -> Appointment:
    number = f"V{slot.id.int % 10**8:08d}"
    data = patients.PatientData(number, name, "female", date(1998, 5, 1), f"139{number[1:]}")
    person = await patients.create(session, data, now)
    held = await service.hold(session, slot_id=slot.id, patient_id=person.id, now=now)
    assert isinstance(held, Held), held
    done = await service.confirm(session, held.hold_id, now=now, created_via="staff")
    assert isinstance(done, Booked)
    return await session.get_one(Appointment, done.appointment.appointment_id)


@pytest.fixture(scope="module")
def morning(house: Served) -> tuple[str, str]:
    """Two were reminded of the next working day and did not answer, one of them likely to stay away; one did not come this morning. The
    clock stands at two in the afternoon of a Monday. Returns the department of the first, and the
    address of the half-day of the last."""
    clock: VirtualClock = house.app.state.clock
    local = clock.local_naive(clock.now())
    monday = local.date() + timedelta(days=(7 - local.weekday()) % 7 or 7)
    early = clock.to_utc(datetime.combine(monday, time(7)))
    clock.freeze(early)

    async def work(session: AsyncSession) -> tuple[str, str]:
        days = await workdays(session, monday, monday + timedelta(days=7))
        tomorrow = days.next_workday(monday + timedelta(days=1))
        anybody = (
            HealthcareService.sensitive.is_(False),
            HealthcareService.sex.is_(None),
            HealthcareService.min_age.is_(None),
            HealthcareService.max_age.is_(None),
            Slot.min_age.is_(None),
            Slot.max_age.is_(None),
            Slot.sex.is_(None),
            Slot.status == "free",
            Slot.taken < Slot.capacity,
            Slot.start > early,
        )
        free = (
            select(Slot).join(HealthcareService, HealthcareService.id == Slot.department_id).where(*anybody)
        )
        one, two = (
            await session.scalars(free.where(Slot.day == tomorrow).order_by(Slot.start).limit(2))
        ).all()
        gone = free.where(Slot.day == monday, Slot.part == "morning").order_by(Slot.start).limit(1)
        first = await _book(session, one, LIKELY, early)
        second = await _book(session, two, SILENT, early)
        away = await _book(session, (await session.scalars(gone)).one(), ABSENT, early)
        for visit in (first, second):
            told = VisitReminder(
                appointment_id=visit.id, step="d1", patient_id=visit.patient_id, state=Told.TOLD, at=early
            )
            session.add(told)
        for ago in (20, 40, 60):
            session.add(_missed(first, early - timedelta(days=ago)))
        await session.flush()
        trained = await noshow.keep(session, model.fit(history(6_000)), early)
        await noshow.score(session, trained, early)
        doctor = await session.get_one(Practitioner, one.practitioner_id)
        half = f"doctor={away.practitioner_id}&day={monday.isoformat()}&part=morning"
        return (await session.get_one(HealthcareService, doctor.department_id)).name, half

    found = write(house, work)
    clock.freeze(early + timedelta(hours=7))
    return found


def _missed(like: Appointment, start: datetime) -> Appointment:
    values: dict[str, Any] = {
        name: getattr(like, name)
        for name in ("patient_id", "slot_id", "practitioner_id", "department_id", "part", "fee_fen", "kind")
    }
    return Appointment(
        id=new_id(),
        **values,
        status=Status.NOSHOW,
        start=start,
        day=start.date(),
        created_via="seed",
        created_at=start - timedelta(days=9),
        changed_at=start,
    )


@pytest.fixture
def page(house: Served, chromium: Browser) -> Iterator[Page]:
    async def nurse() -> str:
        database = Database(house.settings.database)
        try:
            return (await staff(database, Role.NURSE))[Role.NURSE]
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as aside:
        token = aside.submit(lambda: asyncio.run(nurse())).result()
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="zh-CN", bypass_csp=True, reduced_motion="reduce"
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": house.url}])
    context.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    yield context.new_page()
    context.close()


def _fits(page: Page, name: str) -> None:
    """No violation of axe at either width, nothing wider than a phone."""
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        keep_picture(page, f"{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert violations(page, AXE) == [], (name, width)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_whom_to_ring_a_half_day_closed_and_the_model(
    house: Served, morning: tuple[str, str], page: Page
) -> None:
    department, gone = morning
    page.goto(f"{house.url}/desk/unconfirmed")
    row = page.get_by_role("row").filter(has_text=LIKELY)
    expect(row).to_contain_text("可能来不了")
    expect(page.get_by_role("row").filter(has_text=SILENT)).not_to_contain_text("可能来不了")
    _fits(page, "unconfirmed")
    page.set_viewport_size({"width": 375, "height": 900})
    region = page.get_by_role("region").filter(has=page.get_by_role("button", name=f"{SILENT}：会来"))
    assert region.evaluate("it => it.scrollWidth <= it.clientWidth"), (
        "a phone shows the buttons without scrolling"
    )
    page.set_viewport_size({"width": 1280, "height": 900})

    # Rung: nobody there, then coming; the other does not come any more.
    page.get_by_role("button", name=f"{SILENT}：没人接").click()
    expect(page.get_by_role("row").filter(has_text=SILENT)).to_contain_text("打过")
    page.get_by_role("button", name=f"{SILENT}：会来").click()
    expect(page.get_by_role("row").filter(has_text=SILENT)).to_have_count(0)
    expect(page.get_by_role("status").first).to_contain_text("会来")

    # The morning is over: who never reported is missed, which can be taken back.
    ended = page.get_by_role("listitem").filter(has=page.locator(f'a[href*="{gone}"]'))
    ended.get_by_role("button", name=re.compile("记为未到")).click()
    expect(page.get_by_role("status").first).to_contain_text("已记为未到")
    expect(ended).to_have_count(0)
    page.get_by_role("button", name="撤回").click()
    expect(ended).to_be_visible()

    # A department's own days; a wrong one says what to do.
    own = page.locator('form[action="/desk/unconfirmed/leads"]')
    for typed, answer in (("很多天", "天数请写数字"), ("5,2", f"{department}：提前 5、2 天")):
        own.locator("select").select_option(label=department)
        own.locator('input[name="days"]').fill(typed)
        own.get_by_role("button", name="保存").click()
        expect(page.get_by_text(answer).first).to_be_visible()

    # Why one is likely to stay away.
    page.goto(f"{house.url}/desk/unconfirmed")
    page.get_by_role("main").locator('a[href="/insight/no-show"]').click()
    expect(page.get_by_text("够准，正在使用")).to_be_visible()
    expect(page.get_by_role("img").first).to_be_visible()
    why = page.get_by_role("row").filter(has_text=LIKELY)
    expect(why).to_contain_text("以前有过约了没来")
    expect(page.get_by_role("row").filter(has_text=SILENT)).to_have_count(0)
    _fits(page, "no-show")
