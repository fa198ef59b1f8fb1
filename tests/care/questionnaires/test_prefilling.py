"""What is on record is not asked: the birth date, the sex, the last answer; what does not fit is asked all the same."""

from __future__ import annotations

from typing import Any

import pytest

from care.questionnaires import service
from care.questionnaires.extensions import PREFILL
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import By, Value
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.care.questionnaires.test_definitions_and_survey import SURVEY

PAGE = By("page")


def item(link_id: str, kind: str, prefill: str | None, **more: Any) -> dict[str, Any]:
    known = [{"url": PREFILL, "valueCode": prefill}] if prefill else []
    return {"linkId": link_id, "type": kind, "text": f"{link_id}？", "extension": known, **more}


SEXES = [
    {"valueCoding": {"code": code, "display": word}} for code, word in (("male", "男"), ("female", "女"))
]
ITEMS = [
    item("born", "date", "birth-date"),
    item("sex", "choice", "sex", answerOption=SEXES),
    item("height", "integer", "last"),
    item("pain", "integer", None),
]


async def begun(
    database: Database, clock: VirtualClock, world: World, items: list[Any]
) -> QuestionnaireResponse:
    async with database.write() as session:
        raw = {**SURVEY, "name": "known", "extension": [], "item": items}
        survey = await service.publish(session, raw, clock.now())
        return await service.start(session, survey, now=clock.now(), patient_id=world.wang)


async def test_the_record_answers_and_the_rest_is_asked(
    database: Database, world: World, clock: VirtualClock
) -> None:
    first = await begun(database, clock, world, ITEMS)
    assert first.answers == {"born": "1964-03-12", "sex": "female"}
    async with database.write() as session:
        row = await session.get_one(QuestionnaireResponse, first.id)
        for link_id, value in (("height", 158), ("pain", 2)):
            await service.answer(session, row, link_id, Value(value), now=clock.now(), by=PAGE)
        assert row.status == "completed"
    again = await begun(database, clock, world, ITEMS)
    assert again.answers == {"born": "1964-03-12", "sex": "female", "height": 158}
    async with database.read() as session:
        here = await service.position(session, await session.get_one(QuestionnaireResponse, again.id))
    assert here.item is not None
    assert here.item.link_id == "pain"


@pytest.mark.parametrize(
    ("items", "answers"),
    [
        (
            [
                item(
                    "sex",
                    "choice",
                    "sex",
                    answerOption=[*SEXES[:1], {"valueCoding": {"code": "x", "display": "其他"}}],
                ),
                ITEMS[3],
            ],
            {},
        ),
        ([ITEMS[1]], {}),
    ],
    ids=["no such option", "nothing else to ask"],
)
async def test_what_does_not_fit_is_asked(
    database: Database, world: World, clock: VirtualClock, items: list[Any], answers: dict[str, Any]
) -> None:
    assert (await begun(database, clock, world, items)).answers == answers
