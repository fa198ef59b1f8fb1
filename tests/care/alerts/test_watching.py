"""Red flags of the shipped questionnaires become alerts in the answer's transaction, and say the right words at once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from care.alerts.models import Alert
from care.alerts.watching import CRISIS_WORDS, Raised, flagged
from care.questionnaires import service as questionnaires
from care.questionnaires.answering import answer, position
from care.questionnaires.flags import Flag
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import Accepted, By, Value
from care.questionnaires.paths import FOLDER
from care.questionnaires.responses import assign
from store.clock import VirtualClock
from store.database import Database
from tests.care.alerts.ward import Ward
from tests.care.alerts.ward import ward as ward
from tests.care.conftest import World
from tests.care.conftest import world as world
from tests.channels.ops.site import catalogue
from web.signin.models import Role

PAGE, WECHAT = By("page"), By("wechat")
CALM = {
    "temperature": 36.8, "wound": "none", "pain": 2, "eating": "well", "danger": "none", "comment": "挺好的",
}  # fmt: skip


async def begin(database: Database, clock: VirtualClock, name: str, patient: UUID, key: str) -> UUID:
    async with database.write() as session:
        await questionnaires.publish_shipped(session, clock.now())
        row = await assign(session, name, patient_id=patient, now=clock.now(), source="plan", key=key)
        assert row is not None
        return row.id


async def fill(
    database: Database, clock: VirtualClock, response_id: UUID, by: By = PAGE, /, **answers: object
) -> list[Raised]:
    """Answers in the order they are asked for, each in its own transaction; what was raised."""
    raised: list[Raised] = []
    while True:
        async with database.write() as session:
            row = await session.get_one(QuestionnaireResponse, response_id)
            here = await position(session, row)
            if here.item is None:
                return raised
            said = answers[here.item.link_id]
            value = Value([said] if here.item.repeats else said, sure=True)
            done = await answer(session, row, here.item.link_id, value, now=clock.now(), by=by)
            assert isinstance(done, Accepted), (here.item.link_id, done)
            raised += done.raised


async def alerts(database: Database) -> list[Alert]:
    async with database.read() as session:
        return list(await session.scalars(select(Alert).order_by(Alert.id)))


@pytest.fixture
async def nurse(ward: Ward) -> Ward:
    await ward.staff(nurse=Role.NURSE)
    return ward


async def test_a_fever_typed_in_words_rings_and_names_the_hour(
    database: Database, clock: VirtualClock, world: World, nurse: Ward
) -> None:
    one = await begin(database, clock, "postop-day7", world.wang, "op1")
    async with database.write() as session:
        row = await session.get_one(QuestionnaireResponse, one)
        done = await answer(session, row, "temperature", "三十八度八", now=clock.now(), by=WECHAT)
        assert isinstance(done, Accepted)
        (raised,) = done.raised
    assert (raised.says, raised.severity) == ("flag.fever", "urgent")
    assert raised.params == {"until": "今天10:00"}, "an hour, on a Sunday at nine within the duty hours"
    (alert,) = await alerts(database)
    assert (alert.severity, alert.source, alert.rule, alert.response_id) == ("urgent", "answer", "fever", one)
    assert alert.patient_id == world.wang and "38.8" in (alert.text or "") and "38.5" in (alert.title or "")
    assert await fill(database, clock, one, **{**CALM, "temperature": 38.8}) == [], "it rang already"
    assert len(await alerts(database)) == 1


async def test_calm_answers_ring_nothing(
    database: Database, clock: VirtualClock, world: World, nurse: Ward
) -> None:
    one = await begin(database, clock, "postop-day7", world.wang, "op1")
    assert await fill(database, clock, one, **CALM) == []
    assert await alerts(database) == []


async def test_item_nine_goes_the_crisis_way_and_totals_and_changes_are_watched(
    database: Database, clock: VirtualClock, world: World, nurse: Ward
) -> None:
    first = await begin(database, clock, "phq9", world.wang, "p1")
    async with database.read() as session:
        row = await session.get_one(QuestionnaireResponse, first)
        items = [one.link_id for one in (await position(session, row)).definition.items]
        codes = [one.code for one in (await position(session, row)).definition.items[0].choices]
    calm: dict[str, object] = dict.fromkeys(items, codes[0])
    assert await fill(database, clock, first, **calm) == []
    clock.advance(timedelta(days=14))
    second = await begin(database, clock, "phq9", world.wang, "p2")
    worse = {**calm, **dict.fromkeys(items[:3], codes[3]), "harm": codes[1]}
    said = await fill(database, clock, second, **worse)
    assert [one.says for one in said] == [CRISIS_WORDS, "flag.mood"], (
        "the crisis at once, the total at the end"
    )
    found = {one.rule: one for one in await alerts(database)}
    assert set(found) == {"self-harm", "moderate", "worse"}
    crisis = found["self-harm"]
    assert (crisis.kind, crisis.severity, crisis.source) == ("crisis", "emergency", "answer")
    assert found["worse"].source == "total" and "10" in (found["worse"].text or "")


async def test_free_words_are_screened_where_no_conversation_has(
    database: Database, clock: VirtualClock, world: World, nurse: Ward
) -> None:
    page = await begin(database, clock, "postop-day7", world.wang, "op1")
    said = await fill(database, clock, page, PAGE, **{**CALM, "comment": "不想活了"})
    assert [one.says for one in said] == [CRISIS_WORDS]
    chat = await begin(database, clock, "postop-day7", world.zhang, "op2")
    assert await fill(database, clock, chat, WECHAT, **{**CALM, "comment": "我不想活了"}) == []
    (alert,) = await alerts(database)
    assert (alert.kind, alert.source, alert.text) == ("crisis", "free_text", "不想活了")


async def test_beside_an_emergency_nothing_less_is_said(
    database: Database, clock: VirtualClock, world: World, nurse: Ward
) -> None:
    flags = [
        Flag("soon", "soon", "次日", "flag.soon", None, crisis=False),
        Flag("worst", "emergency", "危险", "flag.emergency", None, crisis=False),
        Flag("again", "emergency", "危险", "flag.emergency", None, crisis=False),
    ]
    for expected in (3, 3):
        async with database.write() as session:
            said = await flagged(
                session,
                world.wang,
                flags,
                source="observation",
                dedup_key="reading:1",
                text="血压 210/130",
                now=clock.now(),
            )
        assert [one.says for one in said] == ["flag.emergency"]
        assert len(await alerts(database)) == expected, "once a rule, however often it is told"


def test_every_wording_of_the_shipped_rules_is_there() -> None:
    known = set(catalogue().keys())
    for file in FOLDER.glob("*.json"):
        for line in file.read_text("utf-8").splitlines():
            if '"says"' in line and '"flag.' in line:
                assert line.split('"flag.')[1].split('"')[0] in {one.removeprefix("flag.") for one in known}
