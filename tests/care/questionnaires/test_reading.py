"""Answers as people say them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from care.questionnaires.parts import Item
from care.questionnaires.reading import Doubt, Read, Unread, read, rest_of
from tests.care.questionnaires.items import LOW, OOZE, RED, SWELL
from tests.care.questionnaires.phrases import CASES

TODAY = date(2026, 11, 23)


def expected(kind: str, value: Any) -> Read | Doubt | Unread:
    if kind == "x":
        return Unread(value)
    both = value if isinstance(value, tuple) else (value, None)
    return (Read if kind == "=" else Doubt)(*both)


@pytest.mark.parametrize(
    ("item", "said", "kind", "value"), CASES, ids=lambda one: getattr(one, "link_id", str(one))
)
def test_an_answer_is_read_as_people_say_it(item: Item, said: str, kind: str, value: Any) -> None:
    assert read(item, said, today=TODAY, pair=LOW if item.pair else None) == expected(kind, value)


def test_nothing_of_all_that_may_answer_a_group_and_never_what_was_answered() -> None:
    group = (RED, OOZE, SWELL)
    assert rest_of(group, RED, {}, "都正常") == {"red": False, "ooze": False, "swell": False}
    assert rest_of(group, OOZE, {"red": True}, "都没有。") == {"ooze": False, "swell": False}
    assert rest_of(group, RED, {"ooze": True}, "都正常") == {"red": False, "swell": False}
    assert rest_of(group, SWELL, {}, "都正常") == {}, "it is the last one: nothing else to answer"
    assert rest_of(group, RED, {}, "没有") == {}, "an answer to this one alone"
