"""Whom the seed library is recommended to, in which order and why."""

from __future__ import annotations

from functools import cache

import pytest

from content.articles import samples
from content.articles.lint import topics
from content.articles.texts import PublishedText, text_of
from content.recommending.person import Person, week_of
from content.recommending.ranking import FILE, Why, recommend, rules
from store.ids import new_id


@cache
def library() -> list[PublishedText]:
    return [text_of(new_id(), one.slug, 1, one.doc) for one in samples.read_library()]


def chosen(person: Person | None, **how: object) -> list[tuple[str, Why]]:
    return [(pick.article.slug, pick.why) for pick in recommend(library(), person, **how)]  # type: ignore[arg-type]


def test_a_pregnant_woman_gets_her_weeks() -> None:
    found = recommend(library(), Person(sex="female", age=29, codes={"Z34.900": 60}, pregnant=30 * 7 + 2))
    assert [(one.article.slug, one.why, one.weeks) for one in found[:2]] == [
        ("fetal-movement-counting", Why.PREGNANCY, 30),
        ("pregnancy-weeks-29-36", Why.PREGNANCY, 30),
    ]
    assert found[2].why >= Why.AGE


@pytest.mark.parametrize(
    ("days", "first"),
    [(3, "knee-week-1"), (8, "knee-weeks-2-4"), (27, "knee-weeks-2-4"), (28, "knee-weeks-5-12")],
)
def test_after_a_new_knee_the_week_counts(days: int, first: str) -> None:
    person = Person(sex="male", age=66, codes={"M17.900": 200}, operations={"81.5400": days})
    found = chosen(person)
    assert (first, Why.SURGERY) in found
    assert not [slug for slug, _ in found if slug.startswith("knee") and slug != first]
    assert "eating-after-abdominal-surgery" not in [slug for slug, _ in found]


def test_another_operation_is_no_new_knee() -> None:
    """An operation on an eye: nothing of knees, bowels, stents or legs that lie still."""
    person = Person(sex="male", age=66, codes={"M17.900": 200}, operations={"13.4100x001": 8})
    assert Why.SURGERY not in [why for _, why in chosen(person, most=20)]


def test_a_new_diagnosis_goes_before_an_old_one_and_topics_take_turns() -> None:
    person = Person(sex="male", age=58, codes={"E11.900": 12, "I10.x00": 900})
    found = recommend(library(), person)
    assert [(one.article.topic, one.why) for one in found] == [
        ("diabetes", Why.NEW_DIAGNOSIS),
        ("hypertension", Why.DIAGNOSIS),
        ("diabetes", Why.NEW_DIAGNOSIS),
    ]
    assert [one.article.stage for one in found if one.article.topic == "diabetes"] == ["newly_diagnosed"] * 2
    assert "bp-newly-diagnosed" not in [one.article.slug for one in recommend(library(), person, most=20)]


def test_a_tumour_is_not_said_to_be_why_and_a_low_mood_is_no_tumour() -> None:
    assert {
        why for _, why in chosen(Person(sex="female", age=50, codes={"C50.900": 30}), topic="cancer")
    } == {Why.RECORD}
    low = chosen(Person(sex="female", age=50, codes={"F32.900": 30}), most=30)
    assert not [
        slug for slug, why in low if why <= Why.RECORD and slug.startswith(("cancer", "chemo", "pain"))
    ]


def test_children_and_older_people_get_theirs() -> None:
    child = recommend(library(), Person(sex="male", age=4), most=5)
    assert {one.article.topic for one in child} >= {"newborn_child"}
    assert all((one.article.audience.max_age or 99) >= 4 for one in child)
    assert ("older-adult-vaccines", Why.AGE) in chosen(Person(sex="male", age=70), most=9)


def test_without_agreement_only_what_is_right_for_everybody() -> None:
    found = recommend(library(), None)
    assert len(found) == 3
    assert {one.why for one in found} == {Why.GENERAL}
    assert len({one.article.topic for one in found}) == 3
    assert all(one.article.audience.sex is None and one.article.audience.weeks is None for one in found)


def test_what_was_seen_and_what_was_stopped_is_left_out() -> None:
    person = Person(sex="male", age=58, codes={"E11.900": 400})
    first = recommend(library(), person)[0].article
    assert first.topic == "diabetes"
    assert first.slug not in [slug for slug, _ in chosen(person, but={first.article_id}, most=9)]
    assert not [
        one
        for one in recommend(library(), person, stopped={"diabetes"}, most=9)
        if one.article.topic == "diabetes"
    ]


def test_a_topic_asked_for_by_name_is_answered_for_anybody() -> None:
    assert {one.article.topic for one in recommend(library(), None, topic="diabetes")} == {"diabetes"}
    assert recommend(library(), None, topic="pregnancy")
    assert {
        one.article.topic for one in recommend(library(), Person(sex="male", age=40), topic="newborn_child")
    } == {"newborn_child"}


def test_the_table_names_what_there_is() -> None:
    known = topics()["topics"]
    named = {*rules()["only_with"], *rules()["general"], *rules()["discreet"]}
    assert named <= set(known), FILE
    codes = {code for one in library() for code in one.conditions}
    assert {*rules()["operations"], *rules()["blocks"]} <= codes


def test_weeks_after_an_operation_are_counted_from_one() -> None:
    assert [week_of(days) for days in (0, 6, 7, 13, 14)] == [1, 1, 2, 2, 3]
