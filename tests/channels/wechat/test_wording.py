"""Splitting and numbering."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.ports import MenuItem, Rendered
from channels.wechat.wording import as_text, clean, count_messages, fits_passive, split_text, weight


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=600), st.integers(16, 300))
@settings(max_examples=200, deadline=None)
def test_parts_fit_and_lose_only_spaces(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < len(part.encode()) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 30, []),
        ("   ", 30, []),
        ("好", 30, ["好"]),
        ("第一句。第二句话很长。", 24, ["第一句。", "第二句话很长。"]),
        ("没有句号，只有逗号的话", 24, ["没有句号，", "只有逗号的话"]),
        ("一二三四五六七八九十", 15, ["一二三四五", "六七八九十"]),
        ("行一\n行二", 9, ["行一", "行二"]),
    ],
)
def test_borders(text: str, limit: int, parts: list[str]) -> None:
    assert split_text(text, limit) == parts


def test_one_visible_character_is_not_torn() -> None:
    family = "👨‍👩‍👧"
    parts = split_text("啊" * 6 + family, 26)
    assert any(family in part for part in parts)


def test_numbering_keeps_labels_that_begin_with_digits() -> None:
    message = Rendered(text="选一个", menu=(MenuItem("a", "1月5日"), MenuItem("b", "2号楼")), tail="回数字")
    assert as_text(message) == "选一个\n1 1月5日\n2 2号楼\n回数字"
    assert fits_passive(message)
    assert not fits_passive(Rendered(text="长" * 700))


@pytest.mark.parametrize(
    ("text", "items", "account_type", "count"),
    [
        ("好", 0, "service", 1),
        ("", 0, "service", 0),
        (" \x07 ", 0, "service", 0),
        ("一句话。" * 300, 0, "service", 2),
        ("选", 5, "service", 1),
        ("", 2, "service", 1),
        ("选", 6, "service", 1),
        ("选", 2, "test", 1),
        ("一句话。" * 300, 3, "service", 2),
        ("一句话。" * 300, 3, "subscription", 2),
    ],
)
def test_messages_are_counted_before_they_are_sent(
    text: str, items: int, account_type: str, count: int
) -> None:
    menu = tuple(MenuItem(f"q:{number}", f"选项{number}") for number in range(items))
    assert count_messages(Rendered(text=text, menu=menu), account_type) == count


def test_a_message_weighs_what_its_own_account_takes() -> None:
    types = {"hospital": "service", "news": "subscription"}
    menu = tuple(MenuItem(f"q:{number}", "一个很长很长的选项" * 8) for number in range(4))
    message = Rendered(text="一句话。" * 200, menu=menu)
    weights = [weight(message, account, types) for account in ("hospital", "news", "unknown")]
    assert weights == [count_messages(message, kind) for kind in ("service", "subscription", "service")]
    assert weights[0] != weights[1]


def test_clean() -> None:
    assert clean("a\x00b\x07c\r\nd\te\ud800f\x7f") == "abc\nd\tef"
