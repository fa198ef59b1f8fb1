"""The counter in a real Chromium on the whole application: a place is booked from the calendar, dragged to another, taken back, moved by
the keyboard; free time is blocked; who comes is checked in, called, passed over and put back; the big screen follows, loses the house and
says so; the calendar file follows the appointment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from icalendar import Calendar
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import counter
from care.appointments.models import Slot
from care.appointments.views import Booked, Held
from care.hospital.models import HealthcareService, Practitioner
from care.patients import service as patients
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import staff
from tests.e2e.installation import wait_until
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.fuzz.served import Served, served
from web.signin.models import Role, StaffUser
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NAME, NUMBER, PHONE = "石待诊", "C9900421", "+8613900000421"
OTHER, OTHER_NUMBER = "石候诊", "C9900422"
WALKED, WALKED_NUMBER = "石现场", "C9900423"
SLOW = 60_000
NARROW: Any = {"width": 375, "height": 800}
T = TypeVar("T")


@dataclass
class Counter:
    """A morning of a doctor with nothing booked; the house's clock stands at half past seven that day."""

    house: Served
    department: UUID = field(init=False)
    doctor: Practitioner = field(init=False)
    day: date = field(init=False)
    slots: list[Slot] = field(init=False)
    session: str = field(init=False)

    def __post_init__(self) -> None:
        self.session = self.write(_nurse, commits=False)
        self.department, self.doctor, self.day, self.slots = self.write(_morning)
        opens = self.clock.to_utc(datetime.combine(self.day, datetime.min.time())) + timedelta(hours=7.5)
        self.clock.advance(opens - self.clock.now())
        self.write(_people)

    @property
    def clock(self) -> VirtualClock:
        clock: VirtualClock = self.house.app.state.clock
        return clock

    def write(self, work: Callable[..., Awaitable[T]], commits: bool = True) -> T:
        async def inside() -> T:
            database = Database(self.house.settings.database)
            try:
                if not commits:
                    return await work(database)
                async with database.write("test") as session:
                    return await work(session)
            finally:
                await database.close()

        with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
            return aside.submit(lambda: asyncio.run(inside())).result()

    @property
    def calendar(self) -> str:
        return f"{self.house.url}/desk/clinics/calendar?department={self.department}&day={self.day}"

    def at(self, slot: Slot) -> str:
        return self.clock.local(slot.start).strftime("%H:%M")

    def told(self) -> list[str]:
        """The keys of what the counter has had said so far."""

        async def work(session: AsyncSession) -> list[str]:
            rows = await session.scalars(
                select(OutboundMessage).where(OutboundMessage.dedup_key.startswith("counter:"))
            )
            return [Reply.from_json(one.reply).key for one in rows]

        return self.write(work)


async def _nurse(database: Database) -> str:
    return (await staff(database, Role.NURSE))[Role.NURSE]


async def _morning(session: AsyncSession) -> tuple[UUID, Practitioner, date, list[Slot]]:
    empty = (
        select(Slot.practitioner_id, Slot.day)
        .join(HealthcareService, HealthcareService.id == Slot.department_id)
        .where(
            Slot.part == "morning",
            Slot.day > func.date("now", "+1 day"),
            ~HealthcareService.sensitive,
            HealthcareService.sex.is_(None),
            HealthcareService.min_age.is_(None),
            HealthcareService.max_age.is_(None),
        )
        .group_by(Slot.practitioner_id, Slot.day)
        .having(func.sum(Slot.taken) == 0, func.count() >= 10)
        .order_by(Slot.day)
        .limit(1)
    )
    doctor_id, day = (await session.execute(empty)).one()
    found = await session.scalars(
        select(Slot)
        .where(Slot.practitioner_id == doctor_id, Slot.day == day, Slot.part == "morning")
        .order_by(Slot.start)
    )
    doctor = await session.get_one(Practitioner, doctor_id)
    return doctor.department_id, doctor, day, list(found)


async def _people(session: AsyncSession) -> None:
    born = date(1980, 5, 1)
    for name, number, phone in (
        (NAME, NUMBER, PHONE),
        (OTHER, OTHER_NUMBER, None),
        (WALKED, WALKED_NUMBER, None),
    ):
        data = patients.PatientData(number, name, "female", born, phone)
        await patients.create(session, data, datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, workers=True) as running:
        yield running


@pytest.fixture
def desk(house: Served) -> Counter:
    return Counter(house)


@pytest.fixture
def page(desk: Counter, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1000},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.session, "url": desk.house.url}])
    context.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None,
    )
    yield page
    context.close()
    assert not problems


def _middle(page: Page, which: str) -> tuple[float, float]:
    spot = page.locator(which).first
    spot.scroll_into_view_if_needed()
    box = spot.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(page: Page, start: str, end: str) -> None:
    page.mouse.move(*_middle(page, start))
    page.mouse.down()
    x, y = _middle(page, end)
    page.mouse.move(x, y - 1, steps=8)
    page.mouse.move(x, y, steps=2)
    page.mouse.up()


def _choose(page: Page, query: str) -> None:
    page.get_by_label("姓名、病历号").fill(query)
    page.get_by_role("button", name="查找").click()
    page.get_by_role("button", name="选石").click()


def _drawn(page: Page, desk: Counter) -> None:
    page.goto(desk.calendar)
    expect(page.locator("#agenda[data-drawn] .ec-bg-event").first).to_be_visible()


def _seen(page: Page, chromium: Browser, desk: Counter, *paths: str) -> None:
    """No violation of axe, nothing wider than a phone."""
    context = chromium.new_context(viewport=NARROW, locale="zh-CN", bypass_csp=True, reduced_motion="reduce")
    context.add_cookies([{"name": SESSION_COOKIE, "value": desk.session, "url": desk.house.url}])
    narrow = context.new_page()
    narrow.set_default_timeout(SLOW)
    for number, path in enumerate(paths):
        narrow.goto(path)
        keep_picture(narrow, f"narrow-{number}")
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 375, path
        narrow.set_viewport_size({"width": 1280, "height": 900})
        keep_picture(narrow, f"wide-{number}")
        assert violations(narrow, AXE) == [], path
        narrow.set_viewport_size(NARROW)
    context.close()


def test_a_morning_at_the_counter(desk: Counter, page: Page, chromium: Browser) -> None:
    one, two, three, four, five, *_ = desk.slots

    # booked from a free place
    _drawn(page, desk)
    page.mouse.click(*_middle(page, f".slot-{two.id}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{desk.at(two)} {desk.doctor.name}")
    _choose(page, "0421")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"给{NAME}预约")
    page.get_by_role("button", name="确认预约").click()
    expect(page.get_by_role("status").first).to_contain_text("约好了")
    visit = page.url.partition("?")[0]
    wait_until(lambda: desk.told() == ["booking.booked"], "the patient hears of it")

    # its calendar file
    page.get_by_role("button", name="生成日历文件").click()
    file = page.get_by_label("地址").input_value()
    assert _event(page, file)["SEQUENCE"] == 0
    assert NAME not in page.request.get(file).text()

    # dragged, and taken back
    _drawn(page, desk)
    keep_picture(page, "calendar")
    _drag(page, f".visit-{visit.rpartition('/')[2]}", f".slot-{four.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"给{NAME}改时间")
    expect(page.get_by_role("main")).to_contain_text(desk.at(four))
    keep_picture(page, "move")
    page.get_by_role("button", name="确认改时间").click()
    page.get_by_role("button", name=f"撤回{NAME}").click()
    expect(page.get_by_role("status").first).to_contain_text("已撤回")

    # moved by the keyboard
    page.get_by_role("button", name="看列表").press("Enter")
    page.get_by_role("link", name=NAME).press("Enter")
    page.get_by_role("link", name="改时间").press("Enter")
    page.get_by_role("link", name=f"{desk.doctor.name}{desk.at(three)}").press("Enter")
    page.get_by_role("button", name="确认改时间").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("已改时间")
    assert desk.told() == ["booking.booked"], "a minute to take it back"
    desk.clock.advance(timedelta(minutes=1))
    wait_until(lambda: "desk.moved" in desk.told(), "the patient hears of the move")
    moved = _event(page, file)
    assert (moved["SEQUENCE"], moved["DTSTART"].dt) == (6, three.start)
    page.get_by_role("button", name="看列表").press("Enter")

    # elsewhere at the same time: told, and free to go on
    page.goto(f"{desk.house.url}/desk/clinics/book?slot={desk.write(lambda s: _at_once(s, three))}")
    _choose(page, "0421")
    expect(page.get_by_role("status").first).to_contain_text(f"已有{desk.doctor.name}的号，时间重叠")
    expect(page.get_by_role("button", name="仍然约这个时间")).to_be_visible()
    keep_picture(page, "elsewhere")
    page.get_by_role("button", name="不约了").click()
    expect(page.get_by_role("status").first).to_contain_text("放回")

    # free time blocked, and opened again
    _drawn(page, desk)
    _drag(page, f".slot-{four.id}", f".slot-{five.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{desk.at(four)}–")
    page.get_by_role("button", name="停2个空号").click()
    expect(page.get_by_role("status").first).to_contain_text("已停号")
    page.get_by_role("button", name="恢复放号").click()
    expect(page.get_by_role("status").first).to_contain_text("已恢复放号")

    _the_queue(desk, page, chromium, one)
    base = f"{desk.house.url}/desk/clinics"
    line = f"doctor={desk.doctor.id}&day={desk.day}&part=morning"
    _seen(
        page,
        chromium,
        desk,
        desk.calendar,
        f"{base}/calendar?doctor={desk.doctor.id}&day={desk.day}",
        f"{base}/queue?{line}",
        f"{base}/waitlist",
        f"{base}/screens",
        f"{base}/day/print?{line}",
        f"{base}/book?slot={five.id}",
    )
    pdf = page.request.get(f"{base}/day.pdf?{line}")
    assert pdf.body().startswith(b"%PDF")


async def _at_once(session: AsyncSession, slot: Slot) -> UUID:
    """A free place of another department while `slot` goes on, for anybody."""
    fits = (
        select(Slot.id)
        .join(HealthcareService, HealthcareService.id == Slot.department_id)
        .where(
            Slot.department_id != slot.department_id,
            Slot.start < slot.end,
            Slot.end > slot.start,
            Slot.status == "free",
            Slot.taken < Slot.capacity,
            *(
                field.is_(None)
                for row in (Slot, HealthcareService)
                for field in (row.sex, row.min_age, row.max_age)
            ),
        )
    )
    return (await session.scalars(fits.order_by(Slot.start).limit(1))).one()


def _event(page: Page, address: str) -> Any:
    [event] = Calendar.from_ical(page.request.get(address).body()).walk("VEVENT")
    return event


def _stale(page: Page) -> Page:
    """A second nurse's page of the same queue, which is told of nothing any more."""
    other = page.context.new_page()
    other.goto(page.url)

    def refuse(route: Route) -> None:
        if "hx-request" in route.request.headers:
            route.abort()
        else:
            route.continue_()

    other.route("**/desk/clinics/queue**", refuse)
    return other


def _the_queue(desk: Counter, page: Page, chromium: Browser, slot: Slot) -> None:
    async def book(session: AsyncSession) -> None:
        other = await patients.get_by_record_number(session, OTHER_NUMBER)
        nurse = (await session.scalars(select(StaffUser.id).where(StaffUser.username == "nurse"))).one()
        assert other is not None
        held = await counter.keep(session, slot.id, other.id, now=desk.clock.now())
        assert isinstance(held, Held)
        done = await counter.book(session, held.hold_id, staff_id=nurse, now=desk.clock.now())
        assert isinstance(done, Booked)

    desk.write(book)
    page.goto(f"{desk.house.url}/desk/clinics/screens")
    page.get_by_label("名字").fill("3楼东候诊区")
    page.get_by_label("显示哪个科室").select_option(str(desk.department))
    page.get_by_role("button", name="生成地址").first.click()
    address = page.get_by_label("地址").input_value()
    wall = chromium.new_context(viewport={"width": 1920, "height": 1080}).new_page()  # nobody is signed in
    wall.goto(address)
    expect(wall.locator("#board")).to_contain_text("现在没有人候诊")

    line = f"doctor={desk.doctor.id}&day={desk.day}&part=morning"
    page.goto(f"{desk.house.url}/desk/clinics/queue?{line}")
    page.keyboard.press("f")
    expect(page.get_by_label("报到：")).to_be_focused()
    page.get_by_label("报到：").fill(NUMBER)
    page.get_by_role("button", name="查找").click()
    page.get_by_role("button", name="石*诊报到").click()
    expect(page.get_by_role("status").first).to_contain_text("已报到")
    page.get_by_role("button", name=f"{OTHER}报到").click()
    expect(page.get_by_role("heading", name="候诊2位")).to_be_visible()
    expect(wall.locator(".next")).to_contain_text("2号 石*")

    page.get_by_role("button", name="叫下一位").click()
    expect(wall.locator(".called")).to_contain_text("2号 石*")  # booked for earlier, though here later
    stale = _stale(page)
    page.bring_to_front()  # a page behind another has no focus
    # The list is exchanged every five seconds: the keyboard stays where it is.
    over = page.get_by_role("button", name="过号")
    over.focus()
    with page.expect_response(
        lambda answer: "hx-request" in answer.request.headers and "queue" in answer.url
    ):
        pass
    expect(over).to_be_focused()
    over.press("Enter")
    expect(wall.locator(".passed")).to_contain_text("2号")
    # A colleague whose page does not know it yet: nobody is seen who was not there.
    stale.get_by_role("button", name="看完了", exact=True).click()
    expect(stale.get_by_role("status").first).to_contain_text("同事刚办过了")
    expect(stale.get_by_role("button", name=f"{OTHER}重新排队")).to_be_visible()
    stale.close()
    page.get_by_role("button", name="叫下一位").click()
    expect(wall.locator(".called")).to_contain_text("1号 石*")
    page.get_by_role("button", name=f"{OTHER}重新排队").click()
    expect(wall.locator(".next")).to_contain_text("2号 石*")
    keep_picture(wall, "screen")

    page.get_by_role("button", name="看完了", exact=True).click()  # a slip
    expect(wall.locator(".called")).to_contain_text("请稍候")
    keep_picture(page, "queue")
    page.get_by_role("button", name="撤回看完").click()
    expect(page.get_by_role("status").first).to_contain_text("已撤回")
    expect(wall.locator(".called")).to_contain_text("1号 石*")
    expect(page.get_by_role("button", name="撤回看完")).to_have_count(0)

    # walked in: not for who has a place already, and at once in the line
    page.get_by_role("link", name="现场加号").click()
    _choose(page, OTHER_NUMBER)
    expect(page.get_by_role("status").first).to_contain_text("已经有号了")
    _choose(page, WALKED_NUMBER)
    page.get_by_role("button", name="加号并报到").click()
    expect(page.get_by_role("status").first).to_contain_text("已加号并报到")
    expect(wall.locator(".next")).to_contain_text("3号 石*")

    def gone(route: Route) -> None:
        route.abort()

    wall.route("**/now", gone)
    expect(wall.get_by_role("alert")).to_contain_text("连接断了")
    keep_picture(wall, "screen-lost")
    wall.unroute("**/now", gone)
    expect(wall.locator("#lost")).to_be_hidden()

    page.goto(f"{desk.house.url}/desk/clinics/screens")
    page.get_by_role("button", name="停用3楼东候诊区").click()
    page.get_by_role("dialog").get_by_role("button", name="停用").click()
    expect(page.get_by_role("status").first).to_contain_text("已停用")
    expect(wall.locator("body")).to_contain_text("没有启用")
    wall.context.close()
