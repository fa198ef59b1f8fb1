"""Versions are meanings, revisions are wordings, and nothing that was published changes."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from care.questionnaires import extensions as ext
from care.questionnaires.definition import DefinitionError, read_definition
from care.questionnaires.differences import differences
from care.questionnaires.paths import FOLDER
from care.questionnaires.publishing import history, latest, publish, publish_shipped, retire
from store.clock import VirtualClock
from store.database import Database
from tests.care.questionnaires.building import number, points, questionnaire, rule, scale

FIRST = questionnaire(
    points("mood", 0, 1, 2),
    number("temperature"),
    extension=[
        scale("total", "mood", bands=[(0, 1, "低", None), (2, 2, "高", None)]),
        rule("hot", ("answer", "temperature", ">=", 38.5)),
    ],
)


def _changed(change: Any) -> dict[str, Any]:
    copy = deepcopy(FIRST)
    change(copy)
    return copy


def _swap(raw: dict[str, Any]) -> None:
    raw["item"].reverse()


def _point(raw: dict[str, Any]) -> None:
    raw["item"][0]["answerOption"][2]["valueCoding"]["extension"][0]["valueDecimal"] = 5


def _threshold(raw: dict[str, Any]) -> None:
    raw["extension"][1]["extension"][-1]["extension"][-1]["valueDecimal"] = 38.0


def _border(raw: dict[str, Any]) -> None:
    raw["extension"][0] = scale("total", "mood", bands=[(0, 0, "低", None), (1, 2, "高", None)])


MEANING = [
    (_swap, "题目顺序变了"),
    (_point, "选项“mood · c”改了分值"),
    (_threshold, "预警规则“hot”改了条件"),
    (_border, "计分“total”改了分段界限"),
    (lambda raw: raw["item"].pop(), "删了题目“temperature”"),
    (lambda raw: raw["item"].append(number("pulse")), "加了题目“pulse”"),
    (lambda raw: raw["item"][1].update(required=True), "题目“temperature”改了是否必答"),
    (lambda raw: raw["extension"].append({"url": ext.CHANNEL, "valueCode": "page"}), "改了可用渠道"),
]


@pytest.mark.parametrize(("change", "named"), MEANING, ids=[str(at) for at in range(len(MEANING))])
async def test_another_meaning_under_the_same_version_is_refused_and_named(
    database: Database, clock: VirtualClock, change: Any, named: str
) -> None:
    raw = _changed(change)
    if named.startswith("删了"):
        raw["extension"].pop()
    async with database.write() as session:
        first = await publish(session, FIRST, clock.now())
        with pytest.raises(DefinitionError, match=f"版本 1 已经发布过.*{named}"):
            await publish(session, raw, clock.now())
        second = await publish(session, raw | {"version": "2"}, clock.now())
        assert [row.id for row in await history(session, "check")] == [second.id, first.id]


async def test_wording_is_a_revision_and_both_states_stay(database: Database, clock: VirtualClock) -> None:
    reworded = _changed(lambda raw: raw["item"][0].update(text="这周心情怎么样？"))
    async with database.write() as session:
        first = await publish(session, FIRST, clock.now())
        assert (await publish(session, FIRST, clock.now())).id == first.id, "the same is published once"
        second = await publish(session, reworded, clock.now())
        assert (second.version, second.revision, first.revision) == ("1", 2, 1)
        assert read_definition(second.definition).revision == 2
        assert read_definition(first.definition).items[0].text == "问题mood"
        newest = await latest(session, "check")
        assert newest is not None
        assert newest.id == second.id
    said = [one.said for one in differences(read_definition(FIRST), read_definition(reworded))]
    assert said == ["题目“mood”改了问法"]


async def test_what_is_retired_is_not_begun_and_may_come_back(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write() as session:
        await publish(session, FIRST, clock.now())
        assert await retire(session, "check", clock.now())
        assert not await retire(session, "check", clock.now())
        assert await latest(session, "check") is None
        again = await publish(session, FIRST, clock.now())
        assert (await latest(session, "check")) is again


async def test_shipped_definitions_leave_a_hospital_s_own_wording(
    database: Database, clock: VirtualClock
) -> None:
    mine = json.loads((FOLDER / "satisfaction.json").read_text(encoding="utf-8")) | {
        "title": "我院门诊满意度"
    }
    async with database.write() as session:
        await publish_shipped(session, clock.now())
        await publish(session, mine, clock.now())
        await publish_shipped(session, clock.now())
        newest = await latest(session, "satisfaction")
        assert newest is not None
        assert newest.title == "我院门诊满意度"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda raw: raw["item"][1].update(colour="red"),
            "“temperature”：不符合 FHIR R4：多了 FHIR 没有的字段 item.1.colour",
        ),
        (lambda raw: raw.pop("status"), "不符合 FHIR R4：缺少字段 status"),
        (lambda raw: raw["item"][0].update(required="maybe"), "“mood”：不符合 FHIR R4：item.0.required"),
    ],
)
async def test_what_fhir_refuses_is_refused_with_its_item(
    database: Database, clock: VirtualClock, change: Any, named: str
) -> None:
    async with database.write() as session:
        with pytest.raises(DefinitionError) as error:
            await publish(session, _changed(change), clock.now())
    assert named in str(error.value)
