"""A campaign in a real Chromium on the whole installation: written, tried out, signed by a second person, started, paused, gone on
with, and read on the patient's phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as consents
from care.consents.models import Purpose
from care.patients.models import Patient, PatientContact, PatientTag
from channels.contacts.models import Contact
from content.articles.models import Article
from content.audiences import service as audiences
from content.audiences.rules import read
from server.settings import ROOT
from store.clock import real_now
from tests.channels.ops.site import PASSWORD
from tests.e2e.installation import Installation
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import violations
from tests.e2e.test_phones_whole import last_says, open_phones, say, theirs
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PERSON, TAG, AUDIENCE, NAME = "D0000003", "推送演练", "推送演练的人", "演练：糖尿病饮食"
WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}
PICTURES = ROOT / "docs" / "images"
BIGGEST = 150_000
"""Bytes of a picture in the README."""


@dataclass
class Ward:
    """An editor and a reviewer, signed in; an audience of one demo patient who agreed; an article to send."""

    home: Installation
    tokens: dict[str, str]
    title: str


async def _prepared(session: AsyncSession, home: Installation) -> tuple[dict[str, str], str]:
    now, tokens = home.now(), {}
    for role in (Role.EDITOR, Role.CLINICAL_REVIEWER):
        user = await create_user(
            session, username=f"push-{role}", display_name=f"{role}先生", password=PASSWORD, roles=[role]
        )
        tokens[str(role)] = await open_session(session, user, real_now())
    patient = (
        await session.scalars(select(Patient).where(Patient.status == "active", Patient.id == person()))
    ).one()
    session.add(PatientTag(patient_id=patient.id, tag=TAG, tagged_at=now))
    contacts = select(PatientContact.contact_id).join(Contact, Contact.id == PatientContact.contact_id)
    contact_id = (
        await session.scalars(
            contacts.where(PatientContact.patient_id == patient.id, Contact.channel == "wechat").limit(1)
        )
    ).one()
    await agree(session, patient.id, contact_id, now, Purpose.EDUCATION, Purpose.PERSONAL)
    rule = read({"kind": "all", "rules": [{"kind": "tag", "among": [TAG]}]})
    await audiences.create(session, name=AUDIENCE, note="", rule=rule, now=now, staff_id=None)
    live = select(Article.title).where(Article.live_revision.is_not(None), Article.topic == "diabetes")
    title = (await session.scalars(live.order_by(Article.slug).limit(1))).one()
    return tokens, title


async def agree(
    session: AsyncSession, patient_id: UUID, contact_id: UUID, now: datetime, *purposes: Purpose
) -> None:
    """The patient and their phone say yes to each of `purposes`."""
    for purpose in purposes:
        for subject, subject_id in (("patient", patient_id), ("contact", contact_id)):
            await consents.decide(
                session,
                subject=subject,  # type: ignore[arg-type]
                subject_id=subject_id,
                purpose=purpose,
                granted=True,
                text_version="1",
                channel="wechat",
                now=now,
            )


def person() -> Any:
    from care.seed import demo_patients

    return next(one.patient_id for one in demo_patients() if one.record_number == PERSON)


@pytest.fixture(scope="module")
def ward(home: Installation) -> Ward:
    tokens, title = home.write(lambda session: _prepared(session, home))
    return Ward(home, tokens, title)


def window(ward: Ward, chromium: Browser, role: str, size: Any = None, **options: Any) -> BrowserContext:
    context = chromium.new_context(
        viewport=size or WIDE,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
        **options,
    )
    if role:
        context.add_cookies([{"name": SESSION_COOKIE, "value": ward.tokens[role], "url": ward.home.url}])
    context.set_default_timeout(30_000)
    return context


@pytest.fixture
def pages(ward: Ward, chromium: Browser) -> Iterator[dict[str, Page]]:
    """A window each for editor, reviewer and the patient's phones; a script error, a breach of the policy or a request that
    leaves the site fails the test."""
    problems: list[str] = []
    found, contexts = {}, []
    for name, role in (("editor", "editor"), ("reviewer", "clinical_reviewer"), ("phones", "")):
        context = window(ward, chromium, role)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((ward.home.url, "data:")) else problems.append(sent.url),
        )
        contexts.append(context)
        found[name] = page
    yield found
    for context in contexts:
        context.close()
    assert not problems


def ask(page: Page, button: str, confirm: str = "", note: str = "") -> None:
    """Press a button and answer its question."""
    page.get_by_role("button", name=button, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    if note:
        dialog.get_by_role("textbox").fill(note)
    dialog.get_by_role("button", name=confirm or button, exact=True).click()


def test_from_the_editors_desk_to_the_patients_phone(ward: Ward, pages: dict[str, Page]) -> None:
    home, editor, reviewer, phones = ward.home, pages["editor"], pages["reviewer"], pages["phones"]
    open_phones(phones, home, PERSON)
    say(phones, "发微信消息", "你好")
    last_says(phones, "#wechat", ".")

    editor.goto(f"{home.url}/content/campaigns/new")
    editor.get_by_label("名称", exact=True).fill(NAME)
    editor.get_by_label("发哪篇文章").select_option(label=ward.title)
    editor.get_by_label("发给哪个人群").select_option(label=AUDIENCE)
    editor.get_by_role("button", name="下一步").click()
    panel = editor.locator("#plan-said")
    expect(panel).to_contain_text("1 人现在符合")
    editor.get_by_label(re.compile("^定期发送")).check()
    expect(panel).to_contain_text("还没有保存")
    editor.get_by_label("日期（从这天起）").fill("2030-01-07")
    expect(panel).to_contain_text("每周一 9:30，从2030年1月7日周一起，一直发到有人停止")
    editor.get_by_label(re.compile("^立即发送一次")).check()
    expect(panel).to_contain_text("只发一次")
    expect(panel).to_contain_text("已保存")
    expect(editor.locator("#look")).to_contain_text(f"{ward.title}")
    held_out = editor.get_by_role("spinbutton", name="对照组")
    held_out.fill("70")
    expect(panel).to_contain_text("对照组比例请填0到50之间")
    held_out.fill("20")
    expect(panel).to_contain_text("随机留20%作对照")
    editor.get_by_role("button", name="撤销上一处改动").click()
    expect(editor.get_by_role("status").first).to_contain_text("已撤销")
    expect(held_out).to_have_value("0")
    editor.get_by_role("link", name="试算").click()
    expect(editor.get_by_role("main")).to_contain_text("1 人会收到")
    editor.get_by_role("link", name="返回").click()
    editor.get_by_role("link", name="写好了，去提交审批").click()
    ask(editor, "提交审批")
    expect(editor.get_by_role("status").first).to_contain_text("已提交审批")
    expect(editor.get_by_role("button", name="批准")).to_have_count(0)

    address = editor.url.partition("?")[0]
    reviewer.goto(address)
    ask(reviewer, "批准")
    reviewer.get_by_role("button", name="开始发送", exact=True).first.click()
    expect(reviewer.get_by_role("dialog")).to_contain_text("1 人现在符合")
    reviewer.get_by_role("dialog").get_by_role("button", name="开始发送").click()
    expect(reviewer.get_by_role("status").first).to_contain_text("已开始发送")
    ask(reviewer, "暂停")
    expect(reviewer.get_by_role("main")).to_contain_text("已暂停")
    before = theirs(phones, "#wechat").count()
    home.advance(timedelta(minutes=1))
    ask(reviewer, "继续发送")
    expect(reviewer.locator("#now")).to_contain_text("1 人中处理完 1 人（100%）")
    expect(theirs(phones, "#wechat")).not_to_have_count(before)
    expect(theirs(phones, "#wechat").last).to_contain_text(ward.title)
    reviewer.get_by_role("link", name="看名单").click()
    expect(reviewer.get_by_role("table")).to_contain_text(re.compile("已发出|已送达"))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(ward: Ward, chromium: Browser, size: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    context = window(ward, chromium, "clinical_reviewer", size, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{ward.home.url}/content/campaigns")
    address = page.get_by_role("link", name=NAME, exact=True).get_attribute("href")
    page.goto(f"{ward.home.url}{address}")
    page.get_by_role("button", name="复制").click()
    copied = page.url.partition("/edit")[0]
    for name, path in {
        "list": f"{ward.home.url}/content/campaigns",
        "new": f"{ward.home.url}/content/campaigns/new",
        "page": f"{ward.home.url}{address}",
        "recipients": f"{ward.home.url}{address}/recipients",
        "edit": f"{copied}/edit",
        "dry-run": f"{copied}/dry-run",
    }.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if os.environ.get("BANYI_SHOTS"):
            shot = Path(os.environ["BANYI_SHOTS"]) / f"campaign-{name}-{size['width']}.png"
            page.screenshot(path=shot, full_page=True)
        assert violations(page, axe) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
    context.close()
