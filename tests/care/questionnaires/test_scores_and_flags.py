"""Sums, means, reversed items, prorating and bands; rules on answers, totals, changes and silence."""

from __future__ import annotations

from typing import Any

import pytest

from care.questionnaires.flags import raised
from care.questionnaires.scoring import scores
from tests.care.questionnaires.building import definition, number, points, rule, scale

QUESTIONS = [points(f"q{at}", 0, 1, 2, 3) for at in range(1, 5)]


def _total(answers: dict[str, Any], *items: dict[str, Any], **parts: Any) -> float | None:
    made = definition(
        *(items or QUESTIONS),
        extension=[scale("total", *(one["linkId"] for one in items or QUESTIONS), **parts)],
    )
    found = scores(made, answers).get("total")
    return None if found is None else found.value


def test_a_sum_needs_every_answer_unless_the_scale_prorates() -> None:
    answers = {"q1": "d", "q2": "c", "q3": "a"}
    assert _total(answers | {"q4": "b"}) == 6
    assert _total(answers) is None
    assert _total(answers, at_least=3) == 7, "5 of 3 items is 6.67 of 4"
    assert _total({"q1": "d", "q2": "c", "q3": None}, at_least=3) is None
    assert _total({"q1": "b", "q2": "a"}, at_least=2) == 2
    assert _total({}, at_least=1) is None


def test_reverse_mean_and_numbers() -> None:
    assert _total({"q1": "d", "q2": "d", "q3": "d", "q4": "d"}, reverse=["q2"]) == 9
    assert _total({"q1": "d", "q2": "a"}, at_least=2, method="mean") == 1.5
    assert _total({"n": 7}, number("n", "integer")) == 7


def test_an_item_that_is_not_asked_is_not_missing() -> None:
    second = points(
        "q2", 0, 5, enableWhen=[{"question": "q1", "operator": "=", "answerCoding": {"code": "b"}}]
    )
    assert _total({"q1": "a", "q2": "b"}, points("q1", 0, 1), second) == 0
    assert _total({"q1": "b", "q2": "b"}, points("q1", 0, 1), second) == 6


def test_bands_speak_to_staff_and_where_shown_to_the_patient() -> None:
    bands = [(0, 3, "轻", "这周还不错。"), (4, 12, "重", None)]
    made = definition(
        *QUESTIONS, extension=[scale("total", "q1", bands=bands), scale("pain", "q2", title="疼痛")]
    )
    found = scores(made, {"q1": "d", "q2": "b"})
    assert (found["total"].band, found["total"].says) == ("轻", "这周还不错。")
    assert (found["pain"].title, found["pain"].band) == ("疼痛", None)


WATCHED = definition(
    {"linkId": "breath", "type": "boolean", "text": "气短吗？"},
    number("temperature"),
    {**points("signs", 0, 0, 0), "repeats": True},
    points("mood", 0, 1, 2, 3),
    extension=[
        scale("total", "mood"),
        rule("hot", ("answer", "temperature", ">=", 38.5)),
        rule(
            "both",
            ("answer", "breath", "=", True),
            ("answer", "temperature", ">", 37.3),
            behavior="all",
            severity="emergency",
        ),
        rule("either", ("answer", "signs", "=", "b"), ("answer", "signs", "=", "c"), behavior="any"),
        rule("points", ("answer", "mood", ">=", 2), severity="soon"),
        rule("high", ("total", "total", ">=", 3)),
        rule("worse", ("change", "total", ">=", 2)),
        rule("hotter", ("change", "temperature", ">=", 1.0)),
        rule("silent", ("answer", "mood", "exists", False), severity="soon"),
    ],
)


@pytest.mark.parametrize(
    ("answers", "finished", "before", "rules"),
    [
        ({"temperature": 38.4}, False, None, []),
        ({"temperature": 38.5}, False, None, [("hot", "temperature")]),
        ({"breath": True}, False, None, []),
        ({"breath": True, "temperature": 37.5}, False, None, [("both", "temperature")]),
        ({"signs": ["a", "c"]}, False, None, [("either", "signs")]),
        ({"signs": ["a"], "mood": "c"}, False, None, [("points", "mood")]),
        ({"mood": "d"}, True, None, [("high", None), ("points", "mood")]),
        ({"mood": "c"}, True, {"mood": "a"}, [("worse", None), ("points", "mood")]),
        ({"mood": "c"}, True, {"total": 1}, [("points", "mood")]),
        ({"temperature": 37.5}, False, {"temperature": 36.5}, [("hotter", "temperature")]),
        ({}, False, None, []),
        ({"mood": None}, True, None, [("silent", "mood")]),
    ],
)
def test_rules_hold_when_they_should(
    answers: dict[str, Any],
    finished: bool,
    before: dict[str, Any] | None,
    rules: list[tuple[str, str | None]],
) -> None:
    found = raised(WATCHED, answers, before=before, finished=finished)
    assert [(one.rule, one.link_id) for one in found] == rules


def test_the_most_pressing_comes_first() -> None:
    found = raised(WATCHED, {"breath": True, "temperature": 39}, finished=False)
    assert [(one.rule, one.severity) for one in found] == [("both", "emergency"), ("hot", "urgent")]
    assert (found[0].title, found[0].says, found[0].crisis) == ("规则both", "flag.nurse", False)
