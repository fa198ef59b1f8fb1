"""What rules are called, what is wrong with them, and which contradict themselves."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings

from care.questionnaires.service import publish_shipped
from content.audiences import rules
from content.audiences.check import check
from content.audiences.contradictions import contradictions
from content.audiences.day import Day
from content.audiences.sentence import sentence
from content.audiences.vocabulary import Vocabulary, vocabulary
from store.clock import VirtualClock
from store.database import Database
from tests.content.audiences import naive
from tests.content.audiences.people import crowd, store
from tests.content.audiences.trees import trees


@pytest.fixture
async def words(database: Database, clock: VirtualClock) -> Vocabulary:
    async with database.write() as session:
        await store(session, crowd(random.Random(3), Day.of(clock), 20), clock.now())
        await publish_shipped(session, clock.now())
        return await vocabulary(session)


def tree(*inner: dict[str, Any], kind: str = "all") -> rules.Group:
    return rules.read({"kind": kind, "rules": list(inner)})


E11: dict[str, Any] = {"kind": "condition", "codes": ["E11"]}
OLD: dict[str, Any] = {"kind": "age", "at_least": 60}
TAGGED: dict[str, Any] = {"kind": "tag", "among": ["家庭医生"]}
SENTENCES = [
    (tree(), "还没有条件"),
    (tree(E11, OLD), "患有2型糖尿病（E11），并且60岁及以上的患者"),
    (tree({**E11, "negate": True}), "没有患2型糖尿病（E11）的患者"),
    (tree({**E11, "at_least": 31, "negate": True}), "不属于“确诊2型糖尿病（E11）已满31天”的患者"),
    (tree(E11, {"kind": "any", "rules": [OLD, TAGGED]}), "患有2型糖尿病（E11），并且（60岁及以上，或者有“家庭医生”标签）的患者"),
    (tree(OLD, TAGGED, kind="not"), "不属于以下任何一种：（60岁及以上，或者有“家庭医生”标签）的患者"),
    (tree({"kind": "condition", "codes": ["U99"]}), "患有编码U99的患者"),
]  # fmt: skip


async def test_sentences(words: Vocabulary) -> None:
    for rule, expected in SENTENCES:
        assert sentence(rule, words) == expected


async def test_every_rule_has_a_sentence_without_gaps(words: Vocabulary) -> None:
    @settings(max_examples=80, deadline=None, database=None)
    @given(trees)
    def said(raw: dict[str, Any]) -> None:
        text = sentence(rules.read(raw), words)
        assert "None" not in text
        assert "{" not in text

    said()


async def test_problems_say_where_and_whether_they_block(words: Vocabulary) -> None:
    rule = tree(
        {"kind": "condition", "codes": ["糖", "U99"]},
        {"kind": "visit", "departments": ["nowhere"]},
        {"kind": "tag", "among": ["没人有"]},
        {"kind": "any", "rules": []},
        {"kind": "answer", "questionnaire": "satisfaction", "item": "overall", "codes": ["9"]},
        {"kind": "residence", "codes": ["杭州"]},
        {"kind": "event", "event": "surgery", "codes": ["膝"]},
        {"kind": "age", "at_least": 9, "at_most": 3},
    )
    assert {(one.path, one.key, one.blocks) for one in check(rule, words)} == {
        ((0,), "no_icd", True),
        ((0,), "unnamed", False),
        ((1,), "unknown", True),
        ((2,), "nobody_has", False),
        ((3,), "empty_group", True),
        ((4,), "unknown", True),
        ((5,), "no_region", True),
        ((6,), "no_procedure", True),
        ((7,), "upside_down", True),
        ((), "contradiction", False),
    }
    assert [one.key for one in check(tree(), words)] == ["nothing"]
    assert all(one.said() for one in check(rule, words))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (tree({"kind": "sex", "among": ["male"]}, {"kind": "sex", "among": ["female"]}), "sex"),
        (tree(OLD, {"kind": "all", "rules": [{"kind": "age", "at_most": 17}]}), "age"),
        (tree({"kind": "sex", "among": ["male"]}, {"kind": "pregnancy"}), "pregnancy"),
        (tree(E11, {**E11, "negate": True}), "turned"),
        (tree({"kind": "everyone"}, kind="not"), "nobody"),
        (tree(E11, {**OLD, "negate": True}), None),
        (tree({**E11, "negate": True}, E11, kind="any"), None),
    ],
)
def test_contradictions(rule: rules.Group, why: str | None) -> None:
    assert [reason for _, reason in contradictions(rule)] == ([] if why is None else [why])


def test_what_is_called_a_contradiction_at_the_root_holds_for_nobody(clock: VirtualClock) -> None:
    day = Day.of(clock)
    people = crowd(random.Random(11), day, 60)

    @settings(max_examples=300, deadline=None, database=None)
    @given(trees)
    def empty(raw: dict[str, Any]) -> None:
        for path, reason in contradictions(rules.read(raw)):
            if path == () and reason != "pregnancy":  # that one is about people, not about logic
                assert not any(naive.included(raw, one, day) for one in people)

    empty()
