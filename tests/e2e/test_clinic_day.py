"""The whole day of a clinic under the virtual clock: opened, filled, reminded, 停诊 at ten, rebooked, queued, seen, rated. Patients by
WeChat and SMS through the engine, the nurse in Chromium, the big screen beside her."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments.models import Appointment, Part, Slot
from care.appointments.views import Booked, Held
from care.consents import service as consents
from care.consents.models import Purpose
from care.hospital.models import HealthcareService, Practitioner
from care.patients import service as patients
from care.patients.service import PatientData
from care.questionnaires.models import QuestionnaireResponse
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.conftest import on_monday
from tests.e2e.installation import CHINA, SMS, WECHAT, Installation, wait_until
from tests.e2e.phone import Person, Phone
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

MORNING_PERSON, AFTERNOON_PERSON, LATE_PERSON = "梅清晨", "卫午后", "池来迟"


@dataclass(frozen=True)
class Clinic:
    """A doctor who sees patients on Wednesday, before and after noon."""

    department_id: UUID
    department: str
    doctor_id: UUID
    doctor: str
    day: date

    def at(self, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(self.day, time(hour, minute), CHINA)


@pytest.fixture
def house(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Of its own: days go by in it."""
    with on_monday(request.session, "clinic-day") as installation:
        yield installation


@pytest.fixture
def clinic(house: Installation) -> Clinic:
    wednesday = (house.now().astimezone(CHINA) + timedelta(days=2)).date()
    with house.rows() as session:
        both = (
            select(Slot.practitioner_id)
            .where(
                Slot.day == wednesday, Slot.part.in_((Part.MORNING, Part.AFTERNOON)), Slot.status == "free"
            )
            .group_by(Slot.practitioner_id)
            .having(func.count(Slot.part.distinct()) == 2)
        )
        rows = select(Practitioner, HealthcareService).join(
            HealthcareService, HealthcareService.id == Practitioner.department_id
        )
        open_to_all = (
            HealthcareService.sensitive.is_(False),
            HealthcareService.name.in_(
                (
                    "骨科",
                    "眼科",
                    "心血管内科",
                    "消化内科",
                    "神经内科",
                    "内分泌科",
                    "泌尿外科",
                    "普通外科",
                    "呼吸内科",
                    "皮肤科",
                )
            ),
        )
        doctor, department = session.execute(
            rows.where(Practitioner.id.in_(both), *open_to_all).order_by(Practitioner.name)
        ).first()  # type: ignore[misc]
        return Clinic(department.id, department.name, doctor.id, doctor.name, wednesday)


@pytest.fixture
def nurse(house: Installation, chromium: Browser) -> Iterator[BrowserContext]:
    async def account(session: AsyncSession) -> str:
        user = await create_user(
            session,
            username=f"day-{uuid4().hex[:8]}",
            display_name="丁护士",
            password=PASSWORD,
            roles=[Role.NURSE],
        )
        return await open_session(session, user, real_now())

    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    context.add_cookies([{"name": SESSION_COOKIE, "value": house.write(account), "url": house.url}])
    context.set_default_timeout(30_000)
    yield context
    context.close()


def to(house: Installation, moment: datetime) -> None:
    """The clock goes on; never back."""
    step = moment - house.now()
    assert step > timedelta(0), (moment, house.now())
    house.advance(step)


def agrees_to_surveys(house: Installation, phone: Phone) -> None:
    now = house.now()

    async def work(session: AsyncSession) -> None:
        patient = await patients.get_by_record_number(session, phone.people[0].number)
        assert patient is not None
        await consents.decide(
            session,
            subject="patient",
            subject_id=patient.id,
            purpose=Purpose.SURVEY,
            granted=True,
            text_version="test",
            channel=phone.channel,
            now=now,
        )

    house.write(work)


def book(phone: Phone, clinic: Clinic, part: str) -> Appointment:
    """By doctor, day and half-day, as people say it."""
    turn = phone.say(f"我想约{clinic.doctor}医生{clinic.day.month}月{clinic.day.day}号{part}的号")
    if "booking.confirm" not in turn.keys:
        turn = phone.tap(1)
    assert "booking.confirm" in turn.keys, phone
    assert phone.tap(1).keys == ["booking.booked"], phone
    with phone.home.rows() as session:
        return session.scalars(
            select(Appointment).where(
                Appointment.contact_id == phone.contact_id, Appointment.practitioner_id == clinic.doctor_id
            )
        ).one()


def fill(house: Installation, clinic: Clinic, part: Part, leave: int = 0) -> None:
    """Everybody else who comes that half-day."""
    now = house.now()

    async def work(session: AsyncSession) -> None:
        taken = select(Slot.id, Slot.capacity - Slot.taken).where(
            Slot.practitioner_id == clinic.doctor_id, Slot.day == clinic.day, Slot.part == part
        )
        places = [slot for slot, free in (await session.execute(taken)).all() for _ in range(free)]
        for n, slot in enumerate(places[: len(places) - leave]):
            data = PatientData(
                f"C{part[:1]}{n:05d}", f"路人{n:02d}", "female", date(1970, 1, 1), f"1970000{n:04d}"
            )
            one = await patients.create(session, data, now)
            held = await appointments.hold(session, slot_id=slot, patient_id=one.id, now=now)
            assert isinstance(held, Held), held
            assert isinstance(
                await appointments.confirm(session, held.hold_id, now=now, created_via="staff"), Booked
            )

    house.write(work)


def heard(phone: Phone, words: str) -> str:
    """What the house writes of its own accord, once it does."""

    def look() -> str | None:
        out = [one for one in phone.transcript(phone.seen) if one["direction"] == "out"]
        return next((one["text"] for one in out if re.search(words, one["text"])), None)

    return wait_until(look, f"{phone.channel} hears {words}")


def test_a_day_of_a_clinic(house: Installation, clinic: Clinic, nurse: BrowserContext) -> None:
    early = Phone.open(house, WECHAT, Person(MORNING_PERSON))
    later = Phone.open(house, SMS, Person(AFTERNOON_PERSON))
    late = Phone.open(house, WECHAT, Person(LATE_PERSON))
    agrees_to_surveys(house, early)

    # Opened and filled.
    mine = book(early, clinic, "上午")
    theirs = book(later, clinic, "下午")
    fill(house, clinic, Part.MORNING)
    turn = late.say(f"我想约{clinic.doctor}医生{clinic.day.month}月{clinic.day.day}号上午的号")
    assert "booking.confirm" not in turn.keys, "full"
    assert any("候补" in one for one in late.options), late
    assert late.tap("候补").keys[-1] == "waitlist.joined", late

    # Reminded, the day before: one confirms.
    to(house, clinic.at(9, 30) - timedelta(days=1))
    assert clinic.doctor in heard(early, "提醒您")
    heard(later, "回1确认")
    early.say("1")
    early.say("停车怎么收费")  # the window of 48 hours is open again

    # The day. The first comes and is in the queue; the screen shows a number and half a name.
    to(house, clinic.at(7, 50))
    page = nurse.new_page()
    page.goto(f"{house.url}/desk/clinics/queue?doctor={clinic.doctor_id}&day={clinic.day}&part=morning")
    page.get_by_role("button", name=f"{MORNING_PERSON}报到").click()
    expect(page.locator("#queue-now")).to_contain_text(re.compile(rf"候诊1位[\s\S]*{MORNING_PERSON}"))
    turn = early.say("还要等多久")
    assert turn.keys == ["queue.first"], early
    assert "第1号" in turn.replies[0].text
    assert "下一位就是您" in turn.replies[0].text
    screen = big_screen(page, house, clinic)
    expect(screen.locator("main, body").first).to_contain_text("1号 梅*")
    assert MORNING_PERSON not in screen.content()

    # 停诊 at ten: the afternoon's patient is told and rebooks with two digits.
    to(house, clinic.at(10))
    close_afternoon(page, house, clinic)
    house.advance(timedelta(minutes=1))
    heard(later, "停诊，号已取消")
    later.last = None
    assert later.say("1").keys == ["booking.confirm"], later
    assert later.say("1").keys == ["booking.booked"], later
    with house.rows() as session:
        assert session.get_one(Appointment, theirs.id).status == "cancelled"
        assert later.facts()["appointments"] == 1

    # Called, seen.
    page.goto(f"{house.url}/desk/clinics/queue?doctor={clinic.doctor_id}&day={clinic.day}&part=morning")
    page.get_by_role("button", name="叫下一位").click()
    expect(page.get_by_role("region", name="正在就诊")).to_contain_text(f"1号 {MORNING_PERSON}")
    expect(screen.locator(".called").first).to_contain_text("1号 梅*")
    assert "诊室" in heard(early, "正在叫")
    keep_picture(screen, "clinic-day-screen")
    page.get_by_role("button", name="看完了").click()
    expect(page.get_by_role("region", name="正在就诊")).to_contain_text("现在没有人在诊室")
    keep_picture(page, "clinic-day-queue")
    with house.rows() as session:
        assert session.get_one(Appointment, mine.id).status == "fulfilled"

    # Rated, two hours later.
    to(house, clinic.at(13))
    heard(early, "满意度|评价一下")
    with house.rows() as session:
        asked = session.scalars(
            select(QuestionnaireResponse).where(QuestionnaireResponse.appointment_id == mine.id)
        ).one()
        assert asked.name == "satisfaction"
    rate(early)
    with house.rows() as session:
        assert session.get_one(QuestionnaireResponse, asked.id).status == "completed"


def big_screen(page: Page, house: Installation, clinic: Clinic) -> Page:
    """Made by the nurse; opened by nobody in particular."""
    page.goto(f"{house.url}/desk/clinics/screens")
    page.get_by_label("名字").fill("二楼候诊厅")
    page.get_by_label("显示哪个科室").select_option(label=clinic.department)
    page.get_by_role("button", name="生成地址", exact=True).first.click()
    expect(page.get_by_text("在候诊区的电视或电脑上打开这个地址")).to_be_visible()
    address = page.get_by_role("link", name="打开看看").get_attribute("href")
    assert address is not None
    browser = page.context.browser
    assert browser is not None
    screen = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN").new_page()
    screen.goto(address)
    return screen


def close_afternoon(page: Page, house: Installation, clinic: Clinic) -> None:
    page.goto(f"{house.url}/desk/clinics?department={clinic.department_id}&start={clinic.day.isoformat()}")
    page.get_by_role("link", name=f"{clinic.doctor}停诊").click()
    page.get_by_label("什么时段").select_option("afternoon")
    page.get_by_label("原因").select_option("illness")
    page.get_by_role("button", name="看看会影响谁").click()
    expect(page.get_by_role("rowheader", name=AFTERNOON_PERSON)).to_be_visible()
    page.get_by_role("button", name="停诊并通知").click()
    page.get_by_role("dialog").get_by_role("button", name="确认").click()
    expect(page.get_by_role("status").first).to_contain_text("已停诊")


def rate(phone: Phone) -> None:
    """Started by the invitation's first option, then three questions."""
    for said in ("1", "5", "2"):
        assert phone.say(said).keys == ["survey.item"], phone
    turn = phone.say("医生讲得很清楚")
    assert "survey.item" not in turn.keys, phone
