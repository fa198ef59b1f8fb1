"""Satisfaction in three questions; follow-up questionnaires, as people answer them, on two channels."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from actions.services import Services
from care.alerts.models import Alert
from care.desk.models import DeskTask, TaskKind
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from care.questionnaires import service as questionnaires
from care.questionnaires.entrance import codes
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
    assert await on.say("排队太久了", "complain", 0.99) == ["survey.sorry"]
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


# --- follow-up ---


async def given(
    on: Stage, services: Services, clock: VirtualClock, name: str, people: tuple[str, ...] = ("王秀兰",)
) -> list[QuestionnaireResponse]:
    """Patients the contact speaks for, each asked for the questionnaire `name`."""
    made = []
    async with services.database.write() as session:
        for at, person in enumerate(people):
            data = PatientData(f"D90{at}{on.contact_id.hex[:4]}", person, "female", date(1960, 1, 1))
            patient = await patients.create(session, data, clock.now())
            relation = Relation.SELF if at == 0 else Relation.MOTHER
            await patients.link_contact(session, patient.id, on.contact_id, relation, at=clock.now())
            response = await questionnaires.assign(
                session,
                name,
                patient_id=patient.id,
                now=clock.now(),
                source="plan",
                key=f"{name}:{patient.id}",
            )
            assert response is not None
            made.append(response)
    return made


async def row(database: Database, response: QuestionnaireResponse) -> QuestionnaireResponse:
    async with database.read() as session:
        return await session.get_one(QuestionnaireResponse, response.id)


GO = "start_questionnaire"


async def test_nine_items_take_eleven_messages(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    [asked] = await given(on, services, clock, "phq9")
    said = await on.say("填随访", GO)
    assert said == ["questionnaire.intro", "questionnaire.item"]
    count = len(said)
    for at in range(9):
        said = await on.say("1" if at == 8 else str(1 + at % 3))
        count += len(said)
    assert said == ["questionnaire.done"]
    assert count == 11
    done = await row(database, asked)
    assert (done.status, done.score) == ("completed", 7)
    assert "result" not in on.last.params or on.last.params["result"] == "", "no band of a mood questionnaire"


async def test_a_follow_up_as_people_answer_it(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    [asked] = await given(on, services, clock, "postop-day7")
    await on.say("继续", GO)
    assert on.last.params["wants"] == "number"
    assert await on.say("为什么问这个") == ["questionnaire.why", "questionnaire.item"]
    assert await on.say("还有几题") == ["questionnaire.progress", "questionnaire.item"]
    assert await on.say("你是机器人吗", "bot_challenge", 0.9) == [
        "smalltalk.bot_challenge",
        "questionnaire.item",
    ]
    assert await on.say("37到38度", "out_of_scope", 0.5) == ["questionnaire.two_values", "questionnaire.item"]
    assert await on.say("368", "out_of_scope", 0.9) == ["questionnaire.sure"]
    assert on.last.params["said"] == "36.8℃"
    assert await on.say("对") == ["questionnaire.list"]
    assert on.last.params["n"] == 2
    assert await on.say("都没有") == ["questionnaire.item"]
    assert await on.say("比昨天好点", "describe_symptom") == ["questionnaire.compared", "questionnaire.item"]
    assert await on.say("疼得厉害", "describe_symptom") == [
        "questionnaire.not_a_number",
        "questionnaire.item",
    ]
    assert await on.say("不疼", "describe_symptom") == ["questionnaire.sure"]
    assert await on.say("重新填") == ["questionnaire.item"]
    assert await on.say("三分") == ["questionnaire.item"]
    assert await on.say("都正常") == ["questionnaire.list"]
    assert await on.say("上一步") == ["questionnaire.item"]
    assert await on.say("吃得少") == ["questionnaire.list"]
    assert await on.say("没有") == ["questionnaire.item"]
    assert await on.say("跳过") in (["questionnaire.done"], ["questionnaire.result"])
    done = await row(database, asked)
    assert done.status == "completed"
    assert done.answers["temperature"] == 36.8
    assert done.answers["pain"] == 3
    assert done.answers["comment"] is None


async def test_put_off_and_taken_up_on_another_channel(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    [asked] = await given(on, services, clock, "postop-day7")
    await on.say("填随访", GO)
    await on.say("36.8")
    wechat = on.offered
    assert await on.say("等会儿再答") == ["questionnaire.paused"]
    paused = await row(database, asked)
    assert paused.paused_at is not None
    assert paused.due_at is not None
    assert paused.due_at > clock.now()
    phone = await stage(services, SMS, "19900000099")
    async with database.write() as session:
        assert asked.patient_id is not None
        await patients.link_contact(
            session, asked.patient_id, phone.contact_id, Relation.SELF, at=clock.now()
        )
    assert await phone.say("继续", GO) == ["questionnaire.list"]
    assert phone.last.params["n"] == 2
    assert len(phone.last.params["listed_a"]) <= 35
    assert await phone.say("都没有") == ["questionnaire.item"]
    # The other channel's question is an old one now.
    assert on.offered == wechat
    assert await on.say("继续", GO) == ["questionnaire.item"]
    assert on.last.params["n"] == 3
    assert await phone.say("5") == ["questionnaire.moved", "questionnaire.item"]
    assert await phone.say("5") == ["questionnaire.item"]
    assert (await row(database, asked)).answers["pain"] == 5


async def test_who_speaks_for_several_is_asked_which(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    mine, hers = await given(on, services, clock, "pain-nrs", ("王秀兰", "李阿婆"))
    assert await on.say("填随访", GO) == ["questionnaire.which"]
    assert len(on.labels) == 2
    assert await on.say("2") == ["questionnaire.item"]
    await on.say("2")
    assert (await row(database, hers)).answers == {"now": 2}
    assert (await row(database, mine)).answers == {}


async def test_a_mood_questionnaire_never_goes_by_sms(services: Services, clock: VirtualClock) -> None:
    async with services.database.write() as session:
        await questionnaires.publish_shipped(session, clock.now())
    phone = await stage(services, SMS, "19900000098")
    await given(phone, services, clock, "gad7")
    assert await phone.say("填随访", GO) == ["questionnaire.code"]
    assert phone.form is None
    async with services.database.read() as session:
        found = await codes.find(session, phone.last.params["code"], clock.now())
    assert found is not None, "the six digits open the page"


async def test_fever_typed_in_words_opens_an_alert_and_is_answered_at_once(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    [asked] = await given(on, services, clock, "postop-day7")
    await on.say("填随访", GO)
    assert await on.say("三十八度八") == ["flag.fever", "questionnaire.list"]
    async with database.read() as session:
        [alert] = await session.scalars(select(Alert))
        assert (alert.response_id, alert.source) == (asked.id, "answer")
    done = await row(database, asked)
    assert done.answers == {"temperature": 38.8}


async def test_answers_after_expiry_and_old_options_change_nothing(
    on: Stage, services: Services, clock: VirtualClock, database: Database
) -> None:
    [asked] = await given(on, services, clock, "mmrc")
    await on.say("填随访", GO)
    old = on.offered[0]
    await on.say("2")
    assert await on.hear("", "choose", 1.0, old.params) == ["questionnaire.moved", "questionnaire.item"]
    assert (await row(database, asked)).answers == {"grade": "1"}
    clock.advance(timedelta(days=11))
    assert await on.hear("", "choose", 1.0, on.offered[0].params) == ["questionnaire.over"]
    ended = await row(database, asked)
    assert (ended.status, ended.reason) == ("stopped", "expired")
