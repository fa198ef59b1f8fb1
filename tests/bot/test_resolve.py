"""A short answer is a number, a label, or neither: never a guess."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bot.resolve import MenuRef, by_id, number_in, parse_ref, pick
from channels.reply import Option

OPTIONS = (
    Option("s1", "周二 上午9:00"),
    Option("s2", "周二 下午2:00"),
    Option("other", "换个时间"),
    Option("human", "找人工"),
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        (" 2 ", 2),
        ("１", 1),
        ("②", 2),
        ("❸", 3),
        ("3.", 3),
        ("3、", 3),
        ("（2）", 2),
        ("[1]", 1),
        ("#1", 1),
        ("选1", 1),
        ("我选2", 2),
        ("回1", 1),
        ("回复2", 2),
        ("按3", 3),
        ("第二个", 2),
        ("第2个吧", 2),
        ("第三项", 3),
        ("两", 2),
        ("三", 3),
        ("十", 10),
        ("12", 12),
        ("0", 0),
        ("1可以", 1),
        ("就选1好了", 1),
    ],
)
def test_numbers_are_read(text: str, number: int) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "123",
        "1号",
        "1点",
        "1号下午",
        "13900000000",
        "一会儿",
        "三天了",
        "第",
        "个",
        "1,2",
        "1或2",
        "1 2",
        "-1",
        "1.5",
        "一一",
        "十二点",
        "发烧38",
        "0571",
        "2026",
        "不要1",
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert number_in(text) is None


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("1", "s1"),
        ("第二个", "s2"),
        ("④", "human"),
        ("换个时间", "other"),
        ("换个时间。", "other"),
        ("周二上午9:00", "s1"),
        ("周二 下午2：00", "s2"),
        ("找人工", "human"),
        ("5", None),
        ("0", None),
        ("换", None),
        ("周二", None),
        ("时间", None),
        ("", None),
        ("   ", None),
        ("👍", None),
    ],
)
def test_an_option_is_picked_by_number_or_by_its_whole_label(text: str, chosen: str | None) -> None:
    found = pick(OPTIONS, text)
    assert (found.id if found else None) == chosen


def test_two_options_of_the_same_label_are_not_guessed_between() -> None:
    twins = (Option("a", "张伟"), Option("b", "张伟"))
    assert pick(twins, "张伟") is None
    assert pick(twins, "2") == twins[1]
    assert pick((), "1") is None


def test_references_of_our_making_are_read_and_no_others() -> None:
    question = uuid4()
    assert parse_ref(f"{question}:s1") == MenuRef(question, "s1")
    assert parse_ref(f"{question}:faq-parking:2") == MenuRef(question, "faq-parking:2")
    for foreign in (
        "",
        "s1",
        ":",
        f"{question}",
        f"{question}:",
        "abc:s1",
        "' OR 1=1 --:x",
        "s1:" + str(question),
    ):
        assert parse_ref(foreign) is None


def test_options_are_found_by_their_id() -> None:
    assert by_id(OPTIONS, "s2") == OPTIONS[1]
    assert by_id(OPTIONS, "s9") is None
