"""One plain form for every way of typing."""

from __future__ import annotations

import time

import pytest

from language.normalise import clean, fold, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我媽媽頭暈，掛哪個科？", "我妈妈头晕,挂哪个科?"),
        ("ＡＢＣ１２３", "abc123"),
        ("胸\u200b口\u202e疼", "胸口疼"),
        ("  你好 \t\n 医生  ", "你好 医生"),
        ("", ""),
        ("😀", "😀"),
        ("\u0000\ufeff", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize("text", ["頭髮乾燥 Ａ", "e\u0301tude", "①②③", "㎎", "𠮷野家", "\ud800坏"])
def test_normalise_is_idempotent_and_never_fails(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


def test_clean_keeps_what_can_be_seen() -> None:
    assert clean("ＡBC 　😀\u200d\u202e頭\n") == "ＡBC 　😀頭\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("那就选1吧。", "1"),
        ("第三个吧", "第三个"),
        ("周四 上午！", "周四上午"),
        ("要", "要"),
        ("了", "了"),
        ("确认，谢谢", "确认"),
        ("。。。", ""),
    ],
)
def test_fold(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_short_texts_are_quick() -> None:
    normalise("热身頭")
    started = time.perf_counter()
    for n in range(500):
        normalise(f"我这几天头晕想挂个号{n}")
    assert (time.perf_counter() - started) / 500 < 0.0004


def test_ten_thousand_characters() -> None:
    started = time.perf_counter()
    assert len(normalise("頭暈x" * 3400)) == 10200
    assert time.perf_counter() - started < 1
