"""What is asked after some answers, and definitions that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from care.questionnaires import extensions as ext
from care.questionnaires.definition import DefinitionError, asked, read_definition
from tests.care.questionnaires.building import definition, number, points, questionnaire, rule, scale


def _when(question: str, operator: str = "=", **answer: Any) -> dict[str, Any]:
    return {"question": question, "operator": operator, **answer}


FEVER = {"linkId": "fever", "type": "boolean", "text": "发烧吗？"}
CHECK = definition(
    FEVER,
    number("temperature", enableWhen=[_when("fever", answerBoolean=True)]),
    {
        "linkId": "more",
        "type": "group",
        "text": "再问几句",
        "enableWhen": [
            _when("temperature", ">=", answerDecimal=38.5),
            _when("fever", "exists", answerBoolean=False),
        ],
        "enableBehavior": "any",
        "item": [
            points("wound", 0, 1, 2),
            number("days", "integer", enableWhen=[_when("wound", answerCoding={"code": "c"})]),
        ],
    },
)


@pytest.mark.parametrize(
    ("answers", "ids"),
    [
        ({}, ["fever", "wound"]),
        ({"fever": False}, ["fever"]),
        ({"fever": True}, ["fever", "temperature"]),
        ({"fever": True, "temperature": 38.4}, ["fever", "temperature"]),
        ({"fever": True, "temperature": 38.5}, ["fever", "temperature", "wound"]),
        ({"fever": True, "temperature": 39, "wound": "c"}, ["fever", "temperature", "wound", "days"]),
        ({"fever": False, "temperature": 39, "wound": "c"}, ["fever"]),
        ({"fever": None, "wound": "c"}, ["fever", "wound", "days"]),
    ],
)
def test_what_is_asked_follows_the_answers(answers: dict[str, Any], ids: list[str]) -> None:
    """An answer to what is no longer asked opens nothing."""
    assert [one.link_id for one in asked(CHECK, answers)] == ids


def test_items_know_their_place_unit_and_ranges() -> None:
    pressure = number(
        "systolic",
        "quantity",
        extension=[
            {"url": ext.UNIT, "valueCoding": {"system": ext.UCUM, "code": "mm[Hg]", "display": "mmHg"}},
            {"url": ext.MIN_VALUE, "valueInteger": 30},
            {
                "url": ext.PLAUSIBLE,
                "extension": [{"url": "low", "valueDecimal": 70}, {"url": "high", "valueDecimal": 220}],
            },
            {"url": ext.PAIR, "valueString": "diastolic"},
            {"url": ext.WHY, "valueString": "看血压稳不稳。"},
        ],
    )
    [systolic, diastolic] = definition(
        {"linkId": "g", "type": "group", "text": "血压", "item": [pressure, number("diastolic")]}
    ).items
    assert (systolic.unit, systolic.unit_code, systolic.pair) == ("mmHg", "mm[Hg]", "diastolic")
    assert (systolic.lowest, systolic.minimum, systolic.maximum, systolic.highest) == (30, 70, 220, None)
    assert (systolic.group, systolic.number, systolic.total, systolic.why) == ("血压", 1, 2, "看血压稳不稳。")
    assert diastolic.number == 2


WRONG: list[tuple[dict[str, Any], str, str | None]] = [
    (questionnaire(number("a"), number("a")), "link_id_twice", "a"),
    (
        questionnaire(number("a", enableWhen=[_when("b", answerBoolean=True)]), FEVER | {"linkId": "b"}),
        "enable_later",
        "a",
    ),
    (questionnaire(FEVER, number("a", enableWhen=[_when("fever", answerString="yes")])), "condition", "a"),
    (
        questionnaire(points("p", 0, 1), number("a", enableWhen=[_when("p", answerCoding={"code": "z"})])),
        "condition",
        "a",
    ),
    (
        questionnaire(FEVER, number("a", enableWhen=[_when("fever", answerBoolean=True)] * 2)),
        "enable_behavior",
        "a",
    ),
    (questionnaire(number("a", "quantity")), "no_unit", "a"),
    (questionnaire(number("a", "boolean", repeats=True)), "repeats", "a"),
    (questionnaire({"linkId": "g", "type": "group", "text": "空"}), "empty_group", "g"),
    (questionnaire({"type": "text", "text": "谁"}), "no_link_id", None),
    (questionnaire(points("p", 0)), "few_options", "p"),
    (
        questionnaire(
            {
                "linkId": "a",
                "type": "date",
                "text": "哪天",
                "extension": [{"url": ext.MIN_VALUE, "valueInteger": 1}],
            }
        ),
        "range_type",
        "a",
    ),
    (
        questionnaire(
            number(
                "a",
                extension=[
                    {"url": ext.MIN_VALUE, "valueInteger": 9},
                    {"url": ext.MAX_VALUE, "valueInteger": 1},
                ],
            )
        ),
        "range",
        "a",
    ),
    (questionnaire(number("a", extension=[{"url": ext.PAIR, "valueString": "nobody"}])), "pair", "a"),
    (questionnaire(number("a", extension=[{"url": ext.PREFILL, "valueCode": "income"}])), "prefill", "a"),
    (questionnaire(FEVER, extension=[scale("total", "fever")]), "scale_item", "total"),
    (questionnaire(points("p", 0, 1), extension=[scale("p", "p")]), "scale_twice", "p"),
    (
        questionnaire(points("p", 0, 1), extension=[scale("total", "p", at_least=2)]),
        "scale_at_least",
        "total",
    ),
    (
        questionnaire(
            points("p", 0, 1), extension=[scale("total", "p", bands=[(0, 1, "低", None), (1, 2, "高", None)])]
        ),
        "bands_overlap",
        "total",
    ),
    (questionnaire(FEVER, extension=[rule("r", ("answer", "nobody", "=", True))]), "rule_of", "r"),
    (questionnaire(FEVER, extension=[rule("r", ("answer", "fever", ">", 3))]), "condition", "r"),
    (questionnaire(FEVER, extension=[rule("r", ("change", "fever", ">", 3))]), "rule_change", "r"),
    (questionnaire(FEVER, extension=[rule("r", *[("answer", "fever", "=", True)] * 2)]), "rule_when", "r"),
    (
        questionnaire(FEVER, extension=[rule("r", ("answer", "fever", "=", True), severity="bad")]),
        "rule_severity",
        "r",
    ),
    (questionnaire(FEVER, extension=[{"url": ext.CHANNEL, "valueCode": "fax"}]), "channel", None),
]


@pytest.mark.parametrize(
    ("raw", "key", "where"), WRONG, ids=[f"{key}-{at}" for at, (_, key, _where) in enumerate(WRONG)]
)
def test_what_is_wrong_is_named_with_its_place(raw: dict[str, Any], key: str, where: str | None) -> None:
    with pytest.raises(DefinitionError) as error:
        read_definition(raw)
    assert (error.value.key, error.value.where) == (key, where)
    assert where is None or where in str(error.value)
