"""A care plan from the ward to its end under the virtual clock: discharged, an article on day 3, fever on day 7 and the alert, day 30
unanswered, chased and rung, the revisit booked with a tap, the plan closed, and the insight page. The nurse works in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.appointments.slots import generate_slots
from care.consents import service as consents
from care.consents.models import Purpose
from care.followup.models import FollowUpCall
from care.patients import service as patients
from care.plans.models import CarePlan, Touch
from care.questionnaires.models import QuestionnaireResponse
from care.records.models import EncounterKind
from care.systems.taking.encounters import take_encounter
from care.systems.taking.facts import EncounterFact
from store.clock import VirtualClock, real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.conftest import on_monday
from tests.e2e.installation import CHINA, WECHAT, Installation, wait_until
from tests.e2e.phone import Person, Phone
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

NAME = "施康复"
WARD = "普通外科"


@pytest.fixture
def house(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Of its own: two months go by in it."""
    with on_monday(request.session, "care-plan") as installation:
        yield installation


@pytest.fixture
def desk(house: Installation, chromium: Browser) -> Iterator[BrowserContext]:
    """A nurse who may see the insight, too."""

    async def account(session: AsyncSession) -> str:
        user = await create_user(
            session,
            username=f"plan-{uuid4().hex[:8]}",
            display_name="许护士",
            password=PASSWORD,
            roles=[Role.NURSE, Role.EDITOR],
        )
        return await open_session(session, user, real_now())

    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    context.add_cookies([{"name": SESSION_COOKIE, "value": house.write(account), "url": house.url}])
    context.set_default_timeout(30_000)
    yield context
    context.close()


class Weeks:
    """Days counted from the discharge."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.first = house.now().astimezone(CHINA).date()

    def to(self, day: int, hour: int, minute: int = 0) -> None:
        """The clock goes on to that hour; clinics are made ahead of it, as a house that runs for weeks has done."""
        moment = datetime.combine(self.first + timedelta(days=day), time(hour, minute), CHINA)
        step = moment - self.house.now()
        assert step > timedelta(0), (day, hour)
        clock = VirtualClock(zone=self.house.settings.time_zone)
        clock.freeze(moment)
        self.house.write(lambda session: generate_slots(session, clock))
        self.house.advance(step)


def discharged(house: Installation, phone: Phone) -> UUID:
    """The hospital's system says so; the patient agreed to follow-up and education."""
    now = house.now()

    async def work(session: AsyncSession) -> UUID:
        patient = await patients.get_by_record_number(session, phone.people[0].number)
        assert patient is not None
        for purpose in (Purpose.FOLLOW_UP, Purpose.EDUCATION):
            await consents.decide(
                session,
                subject="patient",
                subject_id=patient.id,
                purpose=purpose,
                granted=True,
                text_version="test",
                channel=phone.channel,
                now=now,
            )
        fact = EncounterFact(
            "ward-1",
            now,
            patient.id,
            EncounterKind.INPATIENT,
            WARD,
            started_at=now - timedelta(days=6),
            ended_at=now,
        )
        await take_encounter(session, "his", fact, now)
        return patient.id

    who: UUID = house.write(work)
    return who


def touch(house: Installation, patient_id: UUID, step: str) -> Touch:
    with house.rows() as session:
        row = session.scalars(select(Touch).where(Touch.patient_id == patient_id, Touch.step == step)).one()
        session.expunge(row)
        return row


def reached(house: Installation, patient_id: UUID, step: str, *states: str) -> Touch:
    """The touch once it is in one of these states."""

    def look() -> Touch | None:
        row = touch(house, patient_id, step)
        return row if row.status in states else None

    try:
        return wait_until(look, f"{step} is {states}", seconds=120)
    except AssertionError:
        row = touch(house, patient_id, step)
        raise AssertionError(f"{step} is {row.status}, {row.reason}, due {row.due_at}") from None


def heard(phone: Phone, words: str) -> str:
    """What the house writes of its own accord, once it does."""

    def look() -> str | None:
        out = [one for one in phone.transcript(phone.seen) if one["direction"] == "out"]
        return next((one["text"] for one in out if re.search(words, one["text"])), None)

    found = wait_until(look, f"{phone.channel} hears {words}", seconds=120)
    phone.seen = max(int(one["seq"]) for one in phone.transcript())
    return found


def test_from_the_ward_to_the_end_of_the_plan(house: Installation, desk: BrowserContext) -> None:
    phone = Phone.open(house, WECHAT, Person(NAME, "male"))
    days = Weeks(house)
    who = discharged(house, phone)

    def writes() -> None:
        """WeChat takes messages for 48 hours after the patient wrote; people ask things."""
        phone.say("停车怎么收费")

    wait_until(lambda: _plans(house, who), "the plan starts itself")
    days.to(1, 9)
    writes()
    days.to(1, 10, 5)
    assert "刚出院" in heard(phone, "您昨天刚出院")
    days.to(3, 9)
    writes()
    days.to(3, 10, 5)
    reached(house, who, "day3", "sent", "done")
    heard(phone, "伤口|换药|康复")

    # Day 7: fever, and the alert on the desk.
    nurse = desk.new_page()
    nurse.goto(f"{house.url}/desk/alerts")
    days.to(7, 9)
    writes()
    days.to(7, 9, 35)
    heard(phone, "第7天回访")
    phone.say("1")
    feverish(phone)
    expect(nurse.locator("[data-alert]").filter(has_text=NAME)).to_be_visible()
    reached(house, who, "day7", "answered")

    # Day 30: nobody answers; reminded, then on the list of calls. In between the revisit is offered and booked.
    days.to(30, 8, 50)
    writes()
    days.to(30, 9, 35)
    heard(phone, "1个月回访")
    for day, asked in ((31, 2), (33, 3)):
        days.to(day, 8, 30)
        writes()
        days.to(day, 10)
        wait_until(
            lambda asked=asked: _response(house, who, "postop-day30").chased == asked,
            f"reminded on day {day}",
        )
    days.to(35, 9, 30)
    writes()
    days.to(35, 10, 5)
    heard(phone, "复诊")
    offered = [one for one in phone.transcript() if one["direction"] == "out" and one.get("menu")][-1]
    assert phone.act("tap", {"id": offered["menu"][0]["id"]}).keys == ["booking.confirm"], phone
    assert phone.say("确认").keys == ["booking.booked"], phone
    reached(house, who, "revisit", "answered")
    with house.rows() as session:
        booked = session.scalars(select(Appointment).where(Appointment.patient_id == who)).one()
        assert booked.status == "booked"

    days.to(38, 9, 5)
    reached(house, who, "call", "sent")
    rung(house, nurse)
    with house.rows() as session:
        call = session.scalars(select(FollowUpCall).where(FollowUpCall.patient_id == who)).one()
        assert (call.status, call.outcome) == ("done", "connected")

    # The end, and what the hospital sees of it.
    days.to(62, 9)
    [plan] = wait_until(
        lambda: [one for one in _plans(house, who) if one.status == "completed"], "it closes", 120
    )
    assert plan.plan == "post_discharge"
    nurse.goto(f"{house.url}/desk/patients/{who}")
    keep_picture(nurse, "care-plan-patient")
    nurse.goto(f"{house.url}/insight/plans?length=3")
    expect(nurse.get_by_role("main")).to_contain_text("外科出院后随访", timeout=120_000)
    keep_picture(nurse, "care-plan-insight")


def _plans(house: Installation, patient_id: UUID) -> list[CarePlan]:
    with house.rows() as session:
        rows = list(session.scalars(select(CarePlan).where(CarePlan.patient_id == patient_id)))
        session.expunge_all()
        return rows


def _response(house: Installation, patient_id: UUID, name: str) -> QuestionnaireResponse:
    with house.rows() as session:
        rows = select(QuestionnaireResponse).where(
            QuestionnaireResponse.patient_id == patient_id, QuestionnaireResponse.name == name
        )
        row = session.scalars(rows).one()
        session.expunge(row)
        return row


def feverish(phone: Phone) -> None:
    """The temperature first, the rest as it comes, to the end."""
    assert "flag.fever" in phone.say("三十八度八").keys, phone
    for said in ("都没有", "3", "1", "都没有", "没有", "没有"):
        turn = phone.say(said)
        if turn.keys and turn.keys[-1] in ("questionnaire.done", "questionnaire.result"):
            return
    raise AssertionError(phone)


def rung(house: Installation, nurse: Page) -> None:
    """From the day's list: taken, spoken, written down."""
    nurse.goto(f"{house.url}/desk/calls")
    line = nurse.locator("[data-line]").filter(has_text=NAME)
    expect(line).to_be_visible()
    line.get_by_text("话术（照着说）").click()
    keep_picture(nurse, "care-plan-calls")
    line.get_by_label("接通").check()
    line.get_by_role("button", name="记下").click()
    expect(nurse.get_by_text("已记：接通")).to_be_visible()
