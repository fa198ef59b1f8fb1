"""What a console version may hold: WeChat's limits, our own, and which keyword answers."""

from __future__ import annotations

from typing import Any

import pytest

from bot.shortcuts import MENU
from channels.wechat.console.content import Content, NotContent, answer_to, problems, read, width
from channels.wechat.console.pages import _ALL, default_menu

KEYS = frozenset(MENU)


def click(name: str = "预约挂号", key: str = "BOOK") -> dict[str, Any]:
    return {"type": "click", "name": name, "key": key}


def of(*buttons: dict[str, Any], welcome: str = "", keywords: list[dict[str, Any]] | None = None) -> Content:
    return Content({"button": list(buttons)}, welcome, keywords or [])


def rule(*words: str, match: str = "whole", text: str = "好的") -> dict[str, Any]:
    return {"words": list(words), "match": match, "text": text}


def wrong(content: Content) -> list[tuple[str, str]]:
    return [(one.where, one.what) for one in problems(content, KEYS)]


def test_what_we_begin_with_is_fine() -> None:
    assert wrong(Content(default_menu(), "您好", [])) == []
    assert wrong(of()) == [], "an empty menu takes the menu down"


def test_every_key_of_the_bot_has_a_chinese_name() -> None:
    assert set(_ALL["keys"]) == set(MENU)


@pytest.mark.parametrize(
    ("button", "found"),
    [
        (click(""), ("menu.0.name", "no_name")),
        (click("预约挂号就诊"), ("menu.0.name", "long_name")),
        (click(key="NO_SUCH"), ("menu.0.key", "no_key")),
        ({"type": "view", "name": "官网", "url": "javascript:alert(1)"}, ("menu.0.url", "no_url")),
        ({"type": "view", "name": "官网", "url": "https://"}, ("menu.0.url", "no_url")),
        ({"type": "view", "name": "官网", "url": "https://a.cn/" + "x" * 1100}, ("menu.0.url", "long_url")),
        ({"name": "更多", "sub_button": [click()] * 6}, ("menu.0", "too_many_below")),
        ({"name": "更多", "sub_button": [click("一二三四五六七八九")]}, ("menu.0.sub.0.name", "long_name")),
    ],
)
def test_a_wrong_button_is_named(button: dict[str, Any], found: tuple[str, str]) -> None:
    assert wrong(of(button)) == [found]


def test_three_buttons_of_every_kind() -> None:
    view = {"type": "view", "name": "官网", "url": "https://hospital.example/?a=1"}
    scan = {"type": "scancode_push", "name": "扫一扫", "key": "SCAN"}
    assert wrong(of(click(), view, scan)) == []
    assert wrong(of(*[click()] * 4)) == [("menu", "too_many_buttons")]
    assert (width("预约a1"), width("预约挂号")) == (6, 8)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (rule(), ("keywords.0.words", "no_words")),
        (rule("x" * 31), ("keywords.0.words", "long_word")),
        (rule("号", match="part"), ("keywords.0.words", "short_word")),
        (rule("停车", text=" "), ("keywords.0.text", "no_text")),
        (rule("停车", text="长" * 700), ("keywords.0.text", "long_text")),
        (rule(*[f"词{n}" for n in range(21)]), ("keywords.0.words", "too_many_words")),
    ],
)
def test_a_wrong_rule_is_named(given: dict[str, Any], found: tuple[str, str]) -> None:
    assert wrong(of(keywords=[given])) == [found]


def test_a_word_counts_once() -> None:
    content = of(keywords=[rule("停车"), rule("停车！"), rule("停车", match="part")])
    assert wrong(content) == [("keywords.1.words", "word_twice")]
    assert wrong(of(welcome="长" * 700)) == [("welcome", "long_text")]


def test_the_first_rule_that_fits_answers() -> None:
    content = of(
        keywords=[
            rule("停车", text="一"),
            rule("停车", match="part", text="二"),
            rule("医保", match="part", text="三"),
        ]
    )
    for text, answer in [
        ("停车", "一"),
        (" 停车。 ", "一"),
        ("停車", "一"),
        ("停车场在哪", "二"),
        ("医保能在停车场刷吗", "二"),
        ("几点上班", None),
        ("", None),
        ("。。。", None),
    ]:
        assert answer_to(content, text) == answer, text


def test_a_draft_may_be_unfinished_but_not_misshapen() -> None:
    half = {
        "menu": {"button": [{"name": "", "type": "nonsense", "evil": 1}]},
        "welcome": "",
        "keywords": [{"words": []}],
    }
    content = read(half)
    assert content.menu == {"button": [{"type": "click", "name": "", "key": ""}]}
    assert content.keywords == [{"words": [], "match": "whole", "text": ""}]
    shapes: tuple[Any, ...] = (
        None,
        [],
        {},
        {"menu": {"button": 3}, "welcome": "", "keywords": []},
        {**half, "welcome": 1},
        {**half, "keywords": [[]]},
    )
    for bad in shapes:
        with pytest.raises(NotContent):
            read(bad)


def test_the_tag_is_the_contents() -> None:
    assert of(click()).tag == of(click()).tag != of(click("改约")).tag
