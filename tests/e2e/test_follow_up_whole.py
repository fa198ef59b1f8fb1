"""A day-7 follow-up from the question to the file: asked on WeChat, continued by SMS, fever in words, the alert on the desk in
Chromium, taken over by the nurse, handed back, finished, and downloaded as FHIR."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse as Resource
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientContact
from care.questionnaires.models import QuestionnaireResponse
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.installation import SMS, WECHAT, Installation, wait_until
from tests.e2e.phone import Person, Phone
from tests.e2e.pushes import PUSHES
from tests.e2e.test_follow_up import also_on
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

NAME, NURSE = "乔安然", "周护士"
ADVICE = "先别洗澡，量好体温记下来，今天下午来门诊三楼看一下伤口。"


@pytest.fixture
def nurse(home: Installation, chromium: Browser) -> Iterator[Page]:
    async def account(session: AsyncSession) -> str:
        user = await create_user(
            session,
            username=f"follow-up-{uuid4().hex[:8]}",
            display_name=NURSE,
            password=PASSWORD,
            roles=[Role.NURSE],
        )
        return await open_session(session, user, real_now())

    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    context.add_cookies([{"name": SESSION_COOKIE, "value": home.write(account), "url": home.url}])
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def response_of(home: Installation, phone: Phone) -> tuple[UUID, str, float]:
    """Its id, its status, and the temperature answered."""
    with home.rows() as session:
        mine = select(PatientContact.patient_id).where(PatientContact.contact_id == phone.contact_id)
        found = select(QuestionnaireResponse).where(QuestionnaireResponse.patient_id.in_(mine))
        row = session.scalars(found).one()
        return row.id, row.status, row.answers["temperature"]


def test_asked_answered_alarmed_answered_by_a_nurse_and_handed_on(
    home: Installation, nurse: Page, tmp_path: Path
) -> None:
    wechat = Phone.open(home, WECHAT, Person(NAME, "female"))
    sms = also_on(home, wechat, SMS)
    nurse.goto(f"{home.url}/desk/alerts")

    wechat.say("停车怎么收费")  # its window is open
    wechat.push(PUSHES["follow_up"])
    assert wechat.unasked("sent") is not None
    assert wechat.tap(1).keys == ["questionnaire.item"]
    assert sms.say("继续").keys[-1] == "questionnaire.item"
    assert "flag.fever" in sms.say("三十八度八").keys

    card = nurse.locator("[data-alert]").filter(has_text=NAME)  # by the live line: nobody has reloaded
    expect(card).to_be_visible()
    keep_picture(nurse, "follow-up-alert")
    card.get_by_role("button", name=re.compile("我来处理")).click()
    expect(nurse.get_by_text("已由您接手。")).to_be_visible()

    card = nurse.locator("[data-alert]").filter(has_text=NAME)
    card.get_by_role("link", name="看会话").click()
    nurse.get_by_role("button", name="接手，机器人不再说话").click()
    expect(nurse.locator("#talk")).to_contain_text("在我手里")
    quiet = sms.say("1")
    assert quiet.keys == [], "a nurse has it: the bot answers nothing, not even a digit"
    nurse.get_by_label(re.compile("^答复患者")).fill(ADVICE)
    keep_picture(nurse, "follow-up-talk")
    nurse.get_by_label(re.compile("^答复患者")).press("Control+Enter")
    heard = wait_until(
        lambda: [one for one in sms.transcript(sms.seen) if one["direction"] == "out"], "her words arrive"
    )
    assert "门诊三楼" in "".join(one["text"] for one in heard)
    nurse.keyboard.press("Escape")
    nurse.keyboard.press("b")
    dialog = nurse.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("今天下午来看伤口")
    dialog.get_by_role("button", name="交还", exact=True).click()
    expect(nurse.get_by_role("status").filter(has_text="已交还机器人")).to_be_visible()

    sms.seen = max(int(one["seq"]) for one in sms.transcript())
    assert sms.say("继续").keys[-1] == "questionnaire.list", sms
    sms.say("都没有")
    sms.say("3")
    sms.say("1")
    sms.say("都没有")
    assert sms.say("没有").keys[-1] in ("questionnaire.done", "questionnaire.result"), sms

    response, status, answered = response_of(home, wechat)
    assert (status, answered) == ("completed", 38.8)
    with nurse.expect_download() as download:
        nurse.evaluate(f"location.href = '/desk/responses/{response}/fhir'")
    file = tmp_path / "response.json"
    download.value.save_as(file)
    resource = Resource.model_validate(json.loads(file.read_text("utf-8")))
    [temperature] = [one for one in resource.item if one.linkId == "temperature"]
    assert float(temperature.answer[0].valueQuantity.value) == 38.8
    assert resource.status == "completed"
