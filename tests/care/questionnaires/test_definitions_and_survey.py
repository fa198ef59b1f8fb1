"""Questionnaires: definitions with errors that name the item, and answering as people type."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from care.patients import service as patients
from care.questionnaires import service
from care.questionnaires.definition import DefinitionError, read_definition
from care.questionnaires.extensions import MAX_VALUE, MIN_VALUE
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.paths import FOLDER
from care.questionnaires.reading import Doubt, Read, Unread, read
from care.questionnaires.service import Accepted, By, Doubted, Invalid, NotOpen, Overtaken, Value
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

SURVEY: dict[str, Any] = json.loads((FOLDER / "satisfaction.json").read_text(encoding="utf-8"))
OVERALL, WAITING, COMMENT = read_definition(SURVEY).items
TODAY = date(2026, 11, 23)
CHAT, SMS = By("wechat"), By("sms")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("5", "5"),
        ("很满意", "5"),
        ("我觉得很满意", "5"),
        ("满意", "4"),
        ("挺满意的", "4"),
        ("不满意", "2"),
        ("4分", "4"),
        ("四分", "4"),
        ("选3", "3"),
        ("１", "1"),
        ("一般。", "3"),
        ("很不满意！", "1"),
    ],
)
def test_a_choice_is_read_as_people_type_it(typed: str, value: str) -> None:
    assert read(OVERALL, typed, today=TODAY) == Read(value)


@pytest.mark.parametrize("typed", ["6", "0", "2.5", "停车场在哪", "上次是4分这次是5分"])
def test_what_is_no_answer_is_not_guessed(typed: str) -> None:
    assert read(OVERALL, typed, today=TODAY) == Unread("not_an_option")


def test_what_is_said_loosely_is_asked_back() -> None:
    assert read(OVERALL, "满意又不满意", today=TODAY) == Unread("which")
    assert read(OVERALL, "不太满意", today=TODAY) == Doubt("2")
    assert read(OVERALL, "不是很满意", today=TODAY) == Doubt("2")


def test_empty_and_skipped() -> None:
    assert read(OVERALL, "  ", today=TODAY) == Unread("empty")
    assert read(OVERALL, "跳过", today=TODAY) == Unread("required"), "this one is required"
    assert read(COMMENT, "没有", today=TODAY) == Read(None)
    assert read(COMMENT, "护士很耐心。", today=TODAY) == Read("护士很耐心。")
    assert read(WAITING, "1小时以上", today=TODAY) == Read("over-60")
    assert read(WAITING, "一小时", today=TODAY) == Unread("not_an_option")


def test_numbers_keep_their_range() -> None:
    item = {
        "linkId": "pain",
        "type": "integer",
        "text": "疼痛几分？",
        "extension": [{"url": MIN_VALUE, "valueInteger": 0}, {"url": MAX_VALUE, "valueInteger": 10}],
    }
    [pain] = read_definition({**SURVEY, "extension": [], "item": [item]}).items
    assert read(pain, "大概三分", today=TODAY) == Read(3)
    assert read(pain, "0", today=TODAY) == Read(0)
    assert read(pain, "3.5", today=TODAY) == Unread("not_a_number")
    assert read(pain, "比昨天好点", today=TODAY) == Unread("compared")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(resourceType="Patient"), "resourceType"),
        (lambda d: d.update(item=[]), "至少加一题"),
        (lambda d: d["item"][0].pop("text"), "“overall”：题目没有文字"),
        (lambda d: d["item"][1].update(type="slider"), "“waiting”：题型“slider”"),
        (lambda d: d["item"][2].update(linkId="overall"), "“overall”：有两题"),
        (
            lambda d: d["item"][1]["answerOption"].__delitem__(slice(1, None)),
            "“waiting”：选择题至少要两个选项",
        ),
    ],
)
async def test_a_wrong_definition_names_its_item(
    database: Database, clock: VirtualClock, change: Any, message: str
) -> None:
    broken = copy.deepcopy(SURVEY)
    change(broken)
    async with database.write() as session:
        with pytest.raises(DefinitionError, match=message):
            await service.publish(session, broken, clock.now())


async def test_from_the_first_question_to_the_last(
    database: Database, world: World, clock: VirtualClock
) -> None:
    conversation = uuid4()
    async with database.write() as session:
        assert await service.publish_shipped(session, clock.now()) >= 1
        survey = await service.latest(session, "satisfaction")
        assert survey is not None
        begun = await service.start(
            session,
            survey,
            now=clock.now(),
            conversation_id=conversation,
            patient_id=world.wang,
        )
        assert (await service.position(session, begun)).item == OVERALL
        again = await service.start(session, survey, now=clock.now(), conversation_id=conversation)
        assert again.id == begun.id, "going on, not beginning again"

    async def say(link_id: str, said: str | Value, **more: Any) -> Any:
        async with database.write() as session:
            response = await session.get_one(QuestionnaireResponse, begun.id)
            return await service.answer(session, response, link_id, said, now=clock.now(), by=CHAT, **more)

    assert await say("overall", "还行吧") == Invalid("not_an_option", OVERALL)
    assert await say("overall", "2") == Accepted(WAITING)
    async with database.write() as session:
        response = await service.active(session, conversation)
        assert response is not None
        assert response.revision == 1
        assert await service.back(session, response, now=clock.now()) == OVERALL
        assert await service.back(session, response, now=clock.now()) == OVERALL
    assert await say("overall", "满意") == Accepted(WAITING)
    assert await say("waiting", "1小时") == Doubted(WAITING, "over-60", "unclear")
    assert await say("waiting", Value("30-60")) == Accepted(COMMENT)
    assert await say("waiting", Value("never")) == Invalid("not_an_option", WAITING)
    assert await say("comment", "等太久了") == Accepted(None, finished=True)
    assert await say("comment", "还有") == NotOpen("completed")
    async with database.read() as session:
        done = await session.get_one(QuestionnaireResponse, begun.id)
        assert (done.status, done.channel) == (ResponseStatus.COMPLETED, "wechat")
        assert done.answers == {"overall": "4", "waiting": "30-60", "comment": "等太久了"}
        assert done.score == 4
        assert await service.active(session, conversation) is None
        kinds = [event.kind for event in await patients.timeline(session, world.wang)]
        assert kinds == ["questionnaire.completed", "questionnaire.started"]
        raw = (await session.execute(text("SELECT * FROM questionnaire_response"))).one()
        assert "等太久了" not in repr(tuple(raw))


async def test_stopping_keeps_what_was_said(database: Database, clock: VirtualClock) -> None:
    conversation = uuid4()
    async with database.write() as session:
        survey = await service.publish(session, SURVEY, clock.now())
        response = await service.start(session, survey, now=clock.now(), conversation_id=conversation)
        await service.answer(session, response, "overall", "5", now=clock.now(), by=CHAT)
        assert await service.stop(session, response, now=clock.now())
        assert not await service.stop(session, response, now=clock.now())
        assert response.answers == {"overall": "5"}
        assert (await service.position(session, response)).item is None
        assert await service.back(session, response, now=clock.now()) is None
        late = await service.answer(session, response, "waiting", "3", now=clock.now(), by=CHAT)
        assert late == NotOpen("left")


async def test_one_response_goes_on_where_it_was_left_on_whatever_channel(
    database: Database, world: World, clock: VirtualClock
) -> None:
    wechat, phone = uuid4(), uuid4()
    async with database.write() as session:
        survey = await service.publish(session, SURVEY, clock.now())
        asked = await service.assign(
            session, "satisfaction", patient_id=world.wang, now=clock.now(), source="visit", key="visit:1"
        )
        assert asked is not None
        twice = await service.assign(
            session, "satisfaction", patient_id=world.wang, now=clock.now(), source="visit", key="visit:1"
        )
        assert twice is None
        assert [one.id for one in await service.open_of(session, world.wang)] == [asked.id]
        begun = await service.start(
            session, survey, now=clock.now(), conversation_id=wechat, patient_id=world.wang
        )
        assert begun.id == asked.id
        await service.answer(session, begun, "overall", "5", now=clock.now(), by=CHAT, revision=0)
    clock.advance(timedelta(days=1))
    async with database.write() as session:
        moved = await service.start(
            session, survey, now=clock.now(), conversation_id=phone, patient_id=world.wang
        )
        assert moved.id == asked.id
        assert await service.active(session, wechat) is None
        assert await service.answer(session, moved, "waiting", "2", now=clock.now(), by=SMS) == Accepted(
            COMMENT
        )
        # The menu that still lies in the other channel was put before that.
        late = await service.answer(
            session, moved, "waiting", Value("under-15"), now=clock.now(), by=CHAT, revision=1
        )
        assert isinstance(late, Overtaken)
        assert (late.position.item, late.position.number, late.position.total) == (COMMENT, 3, 3)
        assert moved.answers["waiting"] == "15-30"
        assert moved.channel == "sms"
    clock.advance(timedelta(days=10))
    async with database.write() as session:
        over = (await service.open_of(session, world.wang))[0]
        assert await service.skip(session, over, "comment", now=clock.now(), by=SMS) == NotOpen("expired")
        assert (over.status, over.reason) == (ResponseStatus.STOPPED, "expired")
        kinds = [event.kind for event in await patients.timeline(session, world.wang)]
        assert kinds == ["questionnaire.stopped", "questionnaire.started", "questionnaire.assigned"]


async def test_asked_again_the_older_one_gives_way_and_keeps_its_answers(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        await service.publish(session, SURVEY, clock.now())
        ask = {"patient_id": world.wang, "now": clock.now(), "source": "plan"}
        first = await service.assign(session, "satisfaction", key="1", **ask)
        assert first is not None
        await service.answer(session, first, "overall", "1", now=clock.now(), by=CHAT)
        second = await service.assign(session, "satisfaction", key="2", **ask)
        assert second is not None
        assert (first.status, first.reason) == (ResponseStatus.STOPPED, "superseded")
        assert first.answers == {"overall": "1"}
        assert [one.id for one in await service.open_of(session, world.wang)] == [second.id]
        assert await service.assign(session, "no-such", key="3", **ask) is None
