"""Questionnaires: definitions with errors that name the item, and answering as people type."""

from __future__ import annotations

import copy
import json
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
from care.questionnaires.reading import Read, Unread, read
from care.questionnaires.service import Accepted, Invalid, NotOpen
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

SURVEY: dict[str, Any] = json.loads((FOLDER / "satisfaction.json").read_text(encoding="utf-8"))
OVERALL, WAITING, COMMENT = read_definition(SURVEY).items


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
    assert read(OVERALL, typed) == Read(value)


@pytest.mark.parametrize(
    "typed", ["6", "0", "2.5", "停车场在哪", "满意又不满意", "不太满意", "不是很满意", "上次是4分这次是5分"]
)
def test_what_is_no_answer_is_not_guessed(typed: str) -> None:
    assert read(OVERALL, typed) == Unread("not_an_option")


def test_empty_and_skipped() -> None:
    assert read(OVERALL, "  ") == Unread("empty")
    assert read(OVERALL, "跳过") == Unread("not_an_option"), "this one is required"
    assert read(COMMENT, "没有") == Read(None)
    assert read(COMMENT, "护士很耐心。") == Read("护士很耐心。")
    assert read(WAITING, "1小时以上") == Read("over-60")
    assert read(WAITING, "一小时") == Unread("not_an_option")


def test_numbers_keep_their_range() -> None:
    item = {
        "linkId": "pain",
        "type": "integer",
        "text": "疼痛几分？",
        "extension": [{"url": MIN_VALUE, "valueInteger": 0}, {"url": MAX_VALUE, "valueInteger": 10}],
    }
    [pain] = read_definition({**SURVEY, "item": [item]}).items
    assert read(pain, "大概三分") == Read(3)
    assert read(pain, "0") == Read(0)
    assert read(pain, "11") == Unread("out_of_range")
    assert read(pain, "3.5") == Unread("not_a_number")
    assert read(pain, "比昨天好点") == Unread("not_a_number")


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
        assert (await service.current_item(session, begun)) == OVERALL
        again = await service.start(session, survey, now=clock.now(), conversation_id=conversation)
        assert again.id == begun.id, "going on, not beginning again"
    async with database.write() as session:
        response = await service.active(session, conversation)
        assert response is not None
        assert await service.answer(session, response, "还行吧", now=clock.now()) == Invalid(
            "not_an_option", OVERALL
        )
        assert await service.answer(session, response, "2", now=clock.now()) == Accepted(WAITING)
        assert await service.back(session, response, now=clock.now()) == OVERALL
        assert await service.back(session, response, now=clock.now()) == OVERALL
        assert await service.answer(session, response, "满意", now=clock.now()) == Accepted(WAITING)
        assert await service.answer(session, response, "3", now=clock.now()) == Accepted(COMMENT)
        assert await service.answer(session, response, "等太久了", now=clock.now()) == Accepted(None)
        assert await service.answer(session, response, "还有", now=clock.now()) == NotOpen()
    async with database.read() as session:
        done = await session.get_one(QuestionnaireResponse, begun.id)
        assert done.status == ResponseStatus.COMPLETED
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
        await service.answer(session, response, "5", now=clock.now())
        assert await service.stop(session, response, now=clock.now())
        assert not await service.stop(session, response, now=clock.now())
        assert response.answers == {"overall": "5"}
        assert await service.current_item(session, response) is None
        assert await service.back(session, response, now=clock.now()) is None
