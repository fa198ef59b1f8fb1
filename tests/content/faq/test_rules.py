"""What an entry must keep to, and what is told of questions that stand in two entries."""

from __future__ import annotations

from typing import Any

import pytest

from content.faq import service
from content.faq.rules import check
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from tests.content.faq.site import FRAME, GOOD

ENTRY: dict[str, Any] = {**GOOD, "similar": GOOD["similar"].split("\n"), "keywords": ["充电宝"]}


def codes(**values: Any) -> set[tuple[str, str]]:
    return {(one.field, one.code) for one in check({**ENTRY, **values}, FRAME)}


def test_a_good_entry_and_all_shipped_ones_pass() -> None:
    assert codes() == set()
    shipped = service.read_folder(ROOT / "data" / "seed" / "faq")
    assert {row["id"]: found for row in shipped if (found := check(row, FRAME))} == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"question": " "}, ("question", "missing")),
        ({"category": "-"}, ("category", "missing")),
        ({"question": "充电宝在哪"}, ("question", "no_question_mark")),
        ({"similar": ["有充电宝吗", "有充电宝吗？"]}, ("similar", "twice")),
        ({"similar": [f"问法{number}" for number in range(61)]}, ("similar", "too_many")),
        ({"answer": "在一楼。"}, ("answer", "too_short")),
        ({"answer": "门" * 300 + "。"}, ("answer", "too_long")),
        ({"answer": "门诊楼" * 15}, ("answer", "no_end")),
        ({"answer": "欢迎您来！" + "门诊楼" * 15 + "。"}, ("answer", "tone")),
        ({"answer": "请打13812345678" + "门诊楼" * 15 + "。"}, ("answer", "mobile")),
        ({"answer": "每天8:00开始" + "门诊楼" * 15 + "。"}, ("answer", "half_of_day")),
        ({"answer": "每天下午9:00开始" + "门诊楼" * 15 + "。"}, ("answer", "half_of_day")),
        ({"source": "总务科"}, ("source", "no_document")),
        ({"sms": "请看（一楼）"}, ("sms", "characters")),
        ({"sms": "充" * 91}, ("sms", "too_long")),
        ({"sms": "在一楼。"}, ("sms", "ends_with_mark")),
        ({"sms": "请打0571-88886666"}, ("sms", "landline")),
        ({"sms": "请看公众号"}, ("sms", "forbidden_in_sms")),
        ({"sms": "请到肿瘤科"}, ("sms", "sensitive_in_sms")),
        ({"sms": "上午8:00至17:00都在"}, ("sms", "half_of_day")),
    ],
)
def test_what_breaks_a_rule_is_named(values: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in codes(**values)


async def test_a_load_takes_and_tells_of_questions_that_stand_twice(
    database: Database, clock: VirtualClock
) -> None:
    rows = [
        {**ENTRY, "id": "one"},
        {**ENTRY, "id": "two", "question": "哪里可以充电？", "similar": ["手机没电了怎么办？"]},
    ]
    async with database.write() as session:
        assert await service.load(session, rows, clock.now()) == 2
        assert await service.clashes(session) == [("手机没电了怎么办？", "one", "two")]
