"""Satisfaction in three questions: answered, corrected, left and taken up again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actions.services import Services
from care.desk.models import DeskTask, TaskKind
from care.questionnaires import service as questionnaires
from care.questionnaires.models import QuestionnaireResponse
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS
from tests.factories.stage import Stage, stage

RATE = "rate_service"


@pytest.fixture
async def on(services: Services, clock: VirtualClock) -> Stage:
    async with services.database.write() as session:
        await questionnaires.publish_shipped(session, clock.now())
    return await stage(services)


async def answers(database: Database) -> list[dict[str, object]]:
    async with database.read() as session:
        rows = await session.scalars(select(QuestionnaireResponse).order_by(QuestionnaireResponse.id))
        return [row.answers for row in rows]


async def tasks(database: Database) -> list[str]:
    async with database.read() as session:
        return [str(task.kind) for task in await session.scalars(select(DeskTask))]


async def test_three_questions_and_thanks(on: Stage, database: Database) -> None:
    assert await on.say("我要评价", RATE) == ["survey.intro", "survey.item"]
    assert on.labels == ["很不满意", "不满意", "一般", "满意", "很满意"]
    assert await on.say("5") == ["survey.item"]
    assert await on.say("15分钟以内") == ["survey.item"]
    assert on.last.params["n"] == 3
    assert await on.say("医生很耐心", "thank", 0.4) == ["survey.done"]
    assert on.form is None
    assert await answers(database) == [{"overall": "5", "waiting": "under-15", "comment": "医生很耐心"}]
    assert await tasks(database) == []


async def test_the_word_we_offer_for_skipping_is_no_wish_to_stop(on: Stage, database: Database) -> None:
    await on.say("我要评价", RATE)
    await on.say("5")
    await on.say("15分钟以内")
    assert await on.say("跳过", "stop", 0.95) == ["survey.done"]
    assert await answers(database) == [{"overall": "5", "waiting": "under-15", "comment": None}]


async def test_the_unhappy_are_called_back(on: Stage, database: Database) -> None:
    await on.say("我要评价", RATE)
    await on.say("1")
    await on.say("4")
    assert await on.say("排队太久了", "complain", 0.5) == ["survey.sorry"]
    assert await tasks(database) == ["complaint"]


async def test_one_back_changes_the_answer(on: Stage, database: Database) -> None:
    await on.say("我要评价", RATE)
    await on.say("1")
    assert await on.say("上一步", "go_back") == ["survey.item"]
    assert on.last.params["n"] == 1
    await on.say("4")
    assert (await answers(database))[0]["overall"] == "4"
    await on.say("上一步", "go_back")
    assert await on.say("上一步", "go_back") == ["form.first_step", "survey.item"]


async def test_what_is_no_answer_is_asked_again_and_another_question_is_answered_inside(on: Stage) -> None:
    await on.say("我要评价", RATE)
    assert await on.say("你是机器人吗", "bot_challenge") == ["smalltalk.bot_challenge", "survey.item"]
    assert await on.say("天气不错", "out_of_scope") == ["form.off_topic", "survey.item"]
    assert on.last.params["n"] == 1


async def test_left_and_closed(on: Stage, database: Database) -> None:
    await on.say("我要评价", RATE)
    await on.say("3")
    assert await on.say("退出", "stop") == ["survey.left"]
    assert on.form is None
    assert await on.say("继续问卷", "start_questionnaire") == ["questionnaire.none"]


async def test_led_away_it_goes_on_where_it_was(on: Stage) -> None:
    await on.say("我要评价", RATE)
    await on.say("3")
    assert await on.say("转人工", "request_human") == ["human.off_duty"]
    assert on.form is None
    assert await on.say("继续问卷", "start_questionnaire") == ["survey.item"]
    assert on.last.params["n"] == 2


async def test_without_a_questionnaire_it_says_so(services: Services) -> None:
    on = await stage(services, SMS)
    assert await on.say("我要评价", RATE) == ["questionnaire.none"]
    assert await on.say("填问卷", "start_questionnaire") == ["questionnaire.none"]


async def test_a_complaint_in_the_comment_opens_a_task_whatever_the_mark(
    on: Stage, services: Services, database: Database
) -> None:
    await on.say("我要评价", RATE)
    await on.say("5")
    await on.say("15分钟以内")
    assert await on.say("太过分了，护士骂我妈，我要投诉你们", "complain", 0.4) == ["survey.sorry"]
    assert await tasks(database) == ["complaint"]
    async with database.read() as session:
        [task] = await session.scalars(select(DeskTask))
        # Within the hour, counted while somebody is on duty.
        assert task.due_at == services.due_at(TaskKind.COMPLAINT, task.created_at)
        assert task.note is not None
        assert "护士骂我妈" in task.note


async def test_praise_opens_none(on: Stage, database: Database) -> None:
    await on.say("我要评价", RATE)
    await on.say("5")
    await on.say("15分钟以内")
    assert await on.say("医生很细致，非常满意", "inform", 0.4) == ["survey.done"]
    assert await tasks(database) == []
