"""The figures, on cases small enough to count by hand."""

from __future__ import annotations

from datetime import datetime

import pytest

from language.evaluation import report, sets
from language.evaluation.figures import NOTHING, Case, calibration, classified, expected_error
from language.retrieve import Hit

CASES = [
    Case("一", "甲", "甲", 0.95),
    Case("二", "甲", "乙", 0.85),
    Case("三", "乙", "乙", 0.55),
    Case("四", "乙", "乙", 0.51),
]


def test_accuracy_macro_f1_and_confusions() -> None:
    made = classified("triage", CASES)
    assert made.numbers["accuracy"] == 0.75
    # 甲: precision 1, recall 1/2, F1 2/3; 乙: precision 2/3, recall 1, F1 4/5
    assert made.numbers["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert made.confusion == (("甲", "乙", 1),)
    assert [case.text for case in made.worst] == ["二"]


def test_calibration_is_the_weighted_distance_from_the_diagonal() -> None:
    bins = calibration(CASES)
    assert [(one.cases, one.accuracy) for one in bins] == [(2, 1.0), (1, 0.0), (1, 1.0)]
    assert expected_error(bins) == pytest.approx((2 * 0.47 + 0.85 + 0.05) / 4)


def test_an_empty_set_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="triage"):
        classified("triage", [])


def test_a_row_without_its_label_is_named() -> None:
    with pytest.raises(ValueError, match="mine line 2: needs department"):
        sets.checked("triage", [{"text": "疼", "department": "骨科"}, {"text": "痒"}], "mine")


def test_a_wrong_time_is_told_from_none() -> None:
    rows = [
        {"text": "周四下午三点", "start": "2026-11-26T15:00:00", "end": "2026-11-26T16:00:00"},
        {"text": "明天", "start": "2026-11-25T00:00:00", "end": "2026-11-26T00:00:00"},
        {"text": "你好", "start": "2026-11-25T00:00:00", "end": "2026-11-26T00:00:00"},
        {"text": "谢谢", "start": None, "end": None},
    ]
    made = sets.when(rows, datetime.fromisoformat("2026-11-22T10:00"))
    assert made.numbers["asked_again"] == 0.25
    assert made.numbers["wrong"] == pytest.approx(1 - made.numbers["accuracy"] - 0.25)
    assert "明天" in [case.text for case in made.worst]


def test_any_accepted_reading_counts() -> None:
    candidates = [{"start": f"2026-1{n}-29T00:00:00", "end": f"2026-1{n}-30T00:00:00"} for n in (0, 1)]
    row = {"text": "29日", "reference_time": "2026-11-22T10:00:00", "entities": [{"candidates": candidates}]}
    assert sets.when([row], datetime.fromisoformat("2020-01-01T00:00")).numbers["accuracy"] == 1.0


def test_danger_found_as_the_other_kind_is_found() -> None:
    made = sets.safety(
        [
            {"text": "突然胸口压得慌，左胳膊麻，出汗", "label": "crisis"},
            {"text": "停车场在哪", "label": "none"},
        ]
    )
    assert (made.numbers["recall"], made.numbers["false_alarms"], made.numbers["right_kind"]) == (
        1.0,
        0.0,
        0.5,
    )


def test_retrieval_ranks_and_refusals() -> None:
    answers = {
        "怎么挂号": [Hit("how", 0.9, ""), Hit("when", 0.2, "")],
        "几点放号": [Hit("how", 0.8, ""), Hit("when", 0.7, "")],
        "食堂菜单": [Hit("how", 0.95, "")],
        "月亮多大": [Hit("how", 0.1, "")],
    }
    rows = [
        {"query": "怎么挂号", "id": "how"},
        {"query": "几点放号", "id": "when"},
        {"query": "食堂菜单", "id": None},
        {"query": "月亮多大", "id": None},
    ]
    numbers = sets.faq(rows, lambda query, k: answers[query], 0.5).numbers
    assert (numbers["recall_1"], numbers["recall_3"], numbers["mrr"]) == (0.5, 1.0, 0.75)
    assert numbers["wrongly_answered"] == 0.5


def test_the_report_shows_texts_as_texts() -> None:
    made = classified("triage", [*CASES, Case("<script>坏</script>", "甲", NOTHING, 0.99)])
    page = report.html([made], {"数据": "mine.jsonl"})
    assert "&lt;script&gt;坏" in page and "<script>" not in page
    assert page.count("<svg") == 2
    assert "科室建议" in page
