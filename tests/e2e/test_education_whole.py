"""Education from the editor's first word to what it changed: written, signed by three, aimed, tried out, sent with a hold-out to
sixty people's simulated phones, read and rated, and a week later the lift on the insight page. A whole installation and Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Condition
from channels.outbox.models import OutboundMessage
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.content.reading.site import PHONE
from tests.e2e.conftest import on_monday
from tests.e2e.installation import CHINA, WECHAT, Installation, http, wait_until
from tests.e2e.phone import Person, Phone
from tests.e2e.test_audiences_page import add
from tests.e2e.test_campaign_page import agree, ask
from tests.e2e.test_phones_page import chromium as chromium
from tests.factories.articles import BODY
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PEOPLE, QUIET = 60, 8
"""Every second one is held out; of those told, some never write again: groups of five and more are shown here, nought is, fewer are not."""
SLUG, TITLE, AUDIENCE, CAMPAIGN = (
    "diet-of-the-story",
    "刚确诊，先把饭吃对",
    "新确诊、没读过饮食篇",
    "新确诊饮食篇",
)
STAFF = (Role.EDITOR, Role.DOCTOR, Role.CLINICAL_REVIEWER)


@pytest.fixture
def town(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation of its own: its clock goes a week ahead."""
    overrides = {"BANYI_INSIGHT_SMALL_GROUP": "5"}
    with on_monday(request.session, "education", overrides=overrides) as installation:
        yield installation


def staff_windows(town: Installation, chromium: Browser) -> dict[str, Page]:
    async def accounts(session: AsyncSession) -> dict[str, str]:
        tokens = {}
        for role in STAFF:
            user = await create_user(
                session,
                username=f"story-{uuid4().hex[:8]}-{role}",
                display_name=f"{role}老师",
                password=PASSWORD,
                roles=[role],
            )
            tokens[str(role)] = await open_session(session, user, real_now())
        return tokens

    found = {}
    for role, token in town.write(accounts).items():
        context = chromium.new_context(
            viewport={"width": 1280, "height": 900}, locale="zh-CN", reduced_motion="reduce"
        )
        context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": town.url}])
        context.set_default_timeout(30_000)
        found[role] = context.new_page()
    return found


def newly_diagnosed(town: Installation) -> dict[UUID, Phone]:
    """People told of their diabetes ten days ago who agreed to education; each has just written, so WeChat's window is open."""
    found: dict[UUID, Phone] = {}
    phones = [Phone.open(town, WECHAT, Person(f"故事{n:02d}")) for n in range(PEOPLE)]
    now = town.now()

    async def on_record(session: AsyncSession) -> list[UUID]:
        ids = []
        for phone in phones:
            patient = await patients.get_by_record_number(session, phone.people[0].number)
            assert patient is not None
            ids.append(patient.id)
            session.add(
                Condition(
                    patient_id=patient.id,
                    code="E10.9",
                    display="1型糖尿病",
                    recorded_date=now.astimezone(CHINA).date() - timedelta(days=10),
                )
            )
            agreed = (Purpose.EDUCATION, Purpose.TRACKING, Purpose.PERSONAL)
            await agree(session, patient.id, phone.contact_id, now, *agreed)
        return ids

    for patient_id, phone in zip(town.write(on_record), phones, strict=True):
        phone.say("你好")
        found[patient_id] = phone
    return found


def written(town: Installation, editor: Page) -> None:
    editor.goto(f"{town.url}/content/articles/new")
    editor.get_by_label("标题", exact=True).fill(TITLE)
    editor.get_by_label("网址标识").fill(SLUG)
    editor.get_by_label("主题").select_option("diabetes")
    editor.get_by_role("button", name="开始写").click()
    editor.goto(f"{town.url}/content/articles/{SLUG}/edit")
    editor.locator("#f-summary").fill("刚确诊先调三餐：主食七分饱，蔬菜每天一斤。心慌出冷汗马上来医院。")
    editor.locator("#f-stage").select_option("newly_diagnosed")
    editor.locator("#f-sources").fill("中国1型糖尿病诊治指南（2021版）｜中华医学会糖尿病学分会｜2021")
    editor.locator("#f-questions").fill("刚查出糖尿病怎么吃")
    editor.locator("#f-conditions").fill("E10")
    editor.get_by_role("button", name="原文").click()
    editor.get_by_label("正文的 Markdown 原文", exact=True).fill(BODY)
    expect(editor.locator("#preview")).to_contain_text("主食吃到七分饱")
    expect(editor.locator("#saved")).to_contain_text("已保存")
    editor.get_by_role("button", name="送审").click()
    editor.get_by_role("dialog").get_by_role("button", name="送审").click()
    expect(editor.get_by_role("status").first).to_contain_text("已送审")


def signed(town: Installation, windows: dict[str, Page]) -> None:
    for role in STAFF:
        page = windows[str(role)]
        page.goto(f"{town.url}/content/articles/{SLUG}")
        for box in page.locator('input[name="checks"]').all():
            box.check()
        page.get_by_role("button", name="签署").click()
        expect(page.get_by_role("status").first).to_contain_text("已签署")


def aimed(town: Installation, editor: Page) -> None:
    editor.goto(f"{town.url}/content/audiences/new")
    add(editor, "condition")
    expect(editor.locator('[id="v.0.codes-add"]')).to_be_focused()
    editor.keyboard.type("1型糖尿病")
    editor.keyboard.press("Enter")
    expect(editor.locator(".aud-chip")).to_have_text("1型糖尿病（E10）×")
    editor.locator('[id="v.0.at_most"]').fill("30")
    editor.keyboard.press("Tab")
    add(editor, "reading")
    editor.locator('[id="v.1.negate"]').select_option("yes")
    editor.locator('[id="v.1.topics-add"]').select_option("diabetes")
    editor.locator('[id="v.1.topics-more"]').press("Enter")
    expect(editor.locator("#sentence")).to_have_text(
        "30天内确诊1型糖尿病（E10），并且没有读过“糖尿病”主题的文章的患者"
    )
    editor.get_by_label("人群名字").fill(AUDIENCE)
    editor.get_by_role("button", name="保存").click()
    expect(editor.get_by_role("status").first).to_contain_text("已保存为第1版")


def launched(town: Installation, editor: Page, reviewer: Page) -> None:
    editor.goto(f"{town.url}/content/campaigns/new")
    editor.get_by_label("名称", exact=True).fill(CAMPAIGN)
    editor.get_by_label("发哪篇文章").select_option(label=TITLE)
    editor.get_by_label("发给哪个人群").select_option(label=AUDIENCE)
    editor.get_by_role("button", name="下一步").click()
    editor.get_by_label(re.compile("^对照组")).fill("50")
    editor.get_by_label(re.compile("^立即发送一次")).check()
    panel = editor.locator("#plan-said")
    expect(panel).to_contain_text("随机留50%作对照")
    expect(panel).to_contain_text("已保存")
    address = editor.url.partition("/edit")[0]
    editor.goto(f"{address}/dry-run")
    expect(editor.get_by_role("main")).to_contain_text("人会收到")
    editor.goto(address)
    ask(editor, "提交审批")
    reviewer.goto(address)
    ask(reviewer, "批准")
    ask(reviewer, "开始发送")
    expect(reviewer.get_by_role("status").first).to_contain_text("已开始发送")
    town.advance(timedelta(minutes=1))
    expect(reviewer.locator("#now")).to_contain_text("（100%）", timeout=60_000)


def links_of(town: Installation) -> dict[UUID, str]:
    """The path in each message that left, by patient; the demo hospital has nobody with type 1 diabetes."""

    def left() -> dict[UUID, str] | None:
        with town.rows() as session:
            pushed = select(OutboundMessage).where(OutboundMessage.campaign.is_not(None))
            rows = list(session.scalars(pushed))
            done = rows and all(one.status in ("accepted", "delivered") for one in rows)
            found = {one.patient_id: urlsplit(one.reply["params"]["link"]).path for one in rows}
        return {key: path for key, path in found.items() if key is not None} if done else None

    return wait_until(left, "the campaign's messages have left")


def reads(town: Installation, path: str) -> None:
    """What the page's script tells of somebody who reads to the end."""
    page = http("GET", town.url + path, headers={"User-Agent": PHONE}).text
    slug, revision = (re.search(rf'data-{name}="([^"]*)"', page) for name in ("slug", "revision"))
    assert slug is not None and revision is not None
    said: dict[str, Any] = {
        "view": "ab" * 12,
        "slug": slug[1],
        "revision": int(revision[1]),
        "dwell": 42,
        "end": True,
    }
    headers = {"User-Agent": PHONE, "Origin": town.url, "Sec-Fetch-Site": "same-origin"}
    assert http("POST", f"{town.url}{path}/seen", said, headers=headers).status == 204


def rates(town: Installation, chromium: Browser, path: str) -> None:
    """One of them, in a real browser of a phone."""
    context = chromium.new_context(
        viewport={"width": 375, "height": 700}, locale="zh-CN", user_agent=PHONE, reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    with page.expect_response("**/seen"):
        page.goto(town.url + path)
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    with page.expect_response("**/seen"):
        page.locator("#helpful").scroll_into_view_if_needed()
    page.get_by_role("button", name="有帮助", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("有帮助")
    context.close()


@pytest.mark.timeout(600)
def test_from_the_first_word_to_what_it_changed(town: Installation, chromium: Browser) -> None:
    people, windows = newly_diagnosed(town), staff_windows(town, chromium)
    editor, reviewer = windows["editor"], windows["clinical_reviewer"]
    written(town, editor)
    signed(town, windows)
    aimed(town, editor)
    launched(town, editor, reviewer)

    links = links_of(town)
    told, held_out = list(links), people.keys() - links.keys()
    assert links.keys() <= people.keys()
    assert QUIET + 5 <= len(told) <= PEOPLE - 5
    first = people[told[0]]
    pushed = [event for event in first.transcript() if TITLE in event["text"]]
    assert len(pushed) == 1
    assert links[told[0]] in pushed[0]["text"]
    assert not any(TITLE in event["text"] for one in held_out for event in people[one].transcript())

    rates(town, chromium, links[told[0]])
    for one in told[1:]:
        reads(town, links[one])
    for one in told[QUIET:]:
        people[one].say("谢谢")
    town.advance(timedelta(days=8))

    editor.goto(f"{town.url}/insight/campaigns?length=3&days=7")
    lift = editor.locator("#lift").get_by_role("row", name=re.compile(CAMPAIGN))
    expect(lift).to_contain_text("推送有帮助", timeout=60_000)
    expect(lift.get_by_role("cell").first).to_have_text(str(len(links)))
    funnel = editor.locator("#funnel").get_by_role("row", name=re.compile(CAMPAIGN))
    expect(funnel.locator("td").first).to_have_text(str(len(links)))
    editor.goto(f"{town.url}/insight/articles?length=3")
    expect(editor.get_by_role("main")).to_contain_text(TITLE)
