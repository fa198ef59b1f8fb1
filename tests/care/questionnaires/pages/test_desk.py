"""The desk's side: three lists, assigning, ways to the patient, the phone page; who may see whom, and that it is recorded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from care.desk.models import DeskTask
from care.patients.models import Patient
from care.questionnaires.entrance import codes, proof
from care.questionnaires.entrance.models import ResponseCall, ResponseLink
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.pages.desk import questionnaires_router
from care.questionnaires.pages.staff import QuestionnaireDesk
from channels.outbox.models import OutboundMessage
from store.audit import AuditRow
from store.clock import Clock
from store.database import Database
from tests.care.questionnaires.pages.ground import HOSPITAL, LANDLINE, NAME, Ground
from tests.channels.ops.site import TOKEN, Visitor, staff, visiting
from web.build import ROOT, build
from web.shell import install_shell
from web.signin.models import Role
from web.signin.pages import signin_router
from web.words import Words

HOME = "/desk/questionnaires"
SITE = "https://h.example"


def desk_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    days, hours = timedelta(days=14), timedelta(hours=72)
    desk = QuestionnaireDesk(database, clock, HOSPITAL, LANDLINE, SITE, "aliyun", days, hours)
    app.include_router(questionnaires_router(desk))
    return app


@pytest.fixture
async def nurse(ground: Ground) -> AsyncIterator[Visitor]:
    tokens = await staff(ground.database, Role.NURSE)
    async with visiting(desk_app(ground.database, ground.clock), tokens[Role.NURSE]) as visitor:
        yield visitor


async def reads(ground: Ground, action: str = "read") -> list[str]:
    return [row.subject for row in await ground.rows(AuditRow) if row.action == action]


async def form(visitor: Visitor, path: str, **fields: str) -> tuple[int, str, str]:
    """Status, page and where it leads."""

    data = {**fields, "csrf_token": TOKEN}
    async with visitor._session.post(path, data=data, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def test_the_lists_and_what_is_in_them(ground: Ground, nurse: Visitor) -> None:
    status, page = await nurse.get(HOME)
    assert (status, "欧**棠" in page, NAME in page) == (200, True, False)
    assert re.search(r"还没开始 <span[^>]*>1<", page)
    assert f"patient:{ground.patient}" in await reads(ground)
    await ground.says("fever", "是")
    page = (await nurse.get(HOME))[1]
    assert re.search(r"还没开始 <span[^>]*>0<", page)
    assert re.search(r"正在答 <span[^>]*>1<", page)
    for link_id, words in (
        ("temperature", "39"),
        ("pain", "很疼"),
        ("signs", "以上都没有"),
        ("comment", "跳过"),
    ):
        await ground.says(link_id, words)
    page = (await nurse.get(HOME))[1]
    assert re.search(r"今天答完 <span[^>]*>1<", page)
    assert ("总分 2（已记录）" in page, "badge-warning" in page) == (True, True)
    ground.clock.advance(timedelta(days=1))
    assert re.search(r"今天答完 <span[^>]*>0<", (await nurse.get(HOME))[1])
    page = (await nurse.get(f"{HOME}/{ground.response}"))[1]
    assert ("很疼" in page, "39℃" in page, NAME in page) == (True, True, True)


async def test_assigned_once_a_day_and_withdrawn(ground: Ground, nurse: Visitor) -> None:
    await form(nurse, f"{HOME}/{ground.response}/withdraw")
    found = await ground.found()
    assert (found.status, found.reason) == ("stopped", "withdrawn")
    status, _, led = await form(nurse, f"{HOME}/assign", number="r7700042", name="check")
    assert (status, led.endswith("said=assigned")) == (303, True)
    assert (await form(nurse, f"{HOME}/assign", number="R7700042", name="check"))[
        2
    ] == f"{HOME}?said=assigned_before"
    made = [one for one in await ground.rows(QuestionnaireResponse) if one.source == "staff"]
    assert sorted(one.status for one in made) == ["in-progress", "stopped"]
    status, page, _ = await form(nurse, f"{HOME}/assign", number="R9", name="check")
    assert (status, "没有找到这个病历号" in page, 'value="R9"' in page) == (422, True, True)
    assert (await form(nurse, f"{HOME}/assign", number="R7700042", name="nothing"))[0] == 422


async def test_ways_to_the_patient(ground: Ground, nurse: Visitor) -> None:
    assert (await form(nurse, f"{HOME}/{ground.response}/link"))[2].endswith("said=link")
    assert (await form(nurse, f"{HOME}/{ground.response}/code"))[2].endswith("said=code")
    first, second = sorted(await ground.rows(OutboundMessage), key=lambda one: one.channel, reverse=True)
    assert (first.reply["key"], first.purpose, first.patient_id) == (
        "questionnaire.link",
        "follow_up",
        ground.patient,
    )
    url = first.reply["params"]["url"]
    assert url.startswith(f"{SITE}/q/")
    assert len(await ground.rows(ResponseLink)) == 1
    assert (second.channel, second.reply["key"]) == ("sms", "questionnaire.code")
    async with ground.database.read("the code") as session:
        row = await codes.find(session, second.reply["params"]["code"], ground.clock.now())
        assert row is not None
        assert row.response_id == ground.response
        assert not await proof.is_locked(session, ground.response)
    async with ground.database.write("lock") as session:
        response = await session.get_one(QuestionnaireResponse, ground.response)
        for _ in range(proof.MAX_TRIES):
            await proof.try_last4(session, response, "0000", ground.clock.now())
    assert "解锁身份核对" in (await nurse.get(f"{HOME}/{ground.response}"))[1]
    await form(nurse, f"{HOME}/{ground.response}/unlock")
    async with ground.database.read("unlocked") as session:
        assert not await proof.is_locked(session, ground.response)


async def test_begun_in_the_chat_and_finished_on_the_phone(ground: Ground, nurse: Visitor) -> None:
    path = f"{HOME}/{ground.response}/phone"
    status, page = await nurse.get(path)
    assert (status, "请问是欧阳海棠本人" in page, "是，还是不是？" in page) == (200, True, True)
    await ground.says("fever", "是")
    page = (await nurse.get(path))[1]
    assert ("请您说多少℃。" in page, "请问是欧阳海棠本人" in page) == (True, False)
    status, page, _ = await form(nurse, path, link_id="temperature", value="三十九度")
    assert (status, "预警已经建立" in page) == (200, True)
    assert "1，不疼；2，有点疼；3，很疼" in page
    status, page, _ = await form(nurse, path, link_id="pain", value="1", revision="0")
    assert (status, "刚才在别处" in page) == (409, True)
    assert (await form(nurse, path, link_id="pain", value="1"))[0] == 303
    assert (await form(nurse, f"{path}/back"))[0] == 303
    assert "伤口疼得怎么样" in (await nurse.get(path))[1]
    await form(nurse, path, link_id="pain", value="2")
    await form(nurse, path, link_id="signs", value="3")
    assert (await form(nurse, path, link_id="comment", skip="1"))[0] == 303
    assert "都问完了，谢谢您" in (await nurse.get(path))[1]
    found = await ground.found()
    assert (found.status, found.channel, found.answers["pain"]) == ("completed", "phone", "2")
    assert [one.outcome for one in await ground.rows(ResponseCall)] == ["completed"]
    assert len(await reads(ground, "questionnaire.answer")) == 5
    assert (await form(nurse, path, link_id="pain", value="0"))[2].endswith("said=gone")


@pytest.mark.parametrize(
    ("outcome", "status", "paused"),
    [
        ("no_answer", "in-progress", True),
        ("refused", "stopped", False),
        ("wrong_number", "in-progress", False),
    ],
)
async def test_calls_that_end_otherwise(
    ground: Ground, nurse: Visitor, outcome: str, status: str, paused: bool
) -> None:
    led = (await form(nurse, f"{HOME}/{ground.response}/call", outcome=outcome))[2]
    assert led.endswith(f"said={outcome}")
    found = await ground.found()
    assert (found.status, found.paused_at is not None) == (status, paused)
    tasks = [one.kind for one in await ground.rows(DeskTask)]
    assert tasks == (["correction"] if outcome == "wrong_number" else [])
    assert (await form(nurse, f"{HOME}/{ground.response}/call", outcome="danced"))[0] == 422


async def test_a_confidential_patient_is_shown_to_nobody_else(ground: Ground, nurse: Visitor) -> None:
    async with ground.database.write("confidential") as session:
        await session.execute(update(Patient).values(confidential=True))
    page = (await nurse.get(HOME))[1]
    assert ("欧**棠" in page, "另有 1 份" in page) == (False, True)
    for path in ("", "/phone"):
        status, page = await nurse.get(f"{HOME}/{ground.response}{path}")
        assert (status, NAME in page) == (403, False)
    assert (await form(nurse, f"{HOME}/{ground.response}/code"))[0] == 403
    assert await ground.rows(OutboundMessage) == []
    assert len(await reads(ground, "read_refused")) == 3
    assert (await nurse.get(f"{HOME}/00000000-0000-7000-8000-000000000000"))[0] == 404


def test_every_word_the_pages_ask_for_is_there() -> None:
    words = Words(Path(ROOT) / "data" / "seed" / "questionnaire_desk_words.yml")
    assert set(words.known("outcomes")) - {"completed"} <= set(words.known("said"))
