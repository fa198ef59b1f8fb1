"""The safety screen on plain English: its sets, what it must not be fooled by, and that Chinese is judged as before.

`screen_english.jsonl` was written before the rules and mended by (first run: recall 0.979, false alarms 0.023).
`screen_english_fresh.jsonl` was written before the rules ran and looked at once, after they were done; nothing had to be mended,
but the same person wrote both within the hour: a hospital's own English messages will do worse.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from language.screen import screen
from language.screen.english import danger, without_han

SETS = Path(__file__).resolve().parents[2] / "data" / "nlu_eval"


def cases(name: str) -> list[tuple[str, str]]:
    lines = (SETS / name).read_text(encoding="utf-8").splitlines()
    return [(row["text"], row["label"]) for row in map(json.loads, lines)]


def test_the_set_is_large_enough() -> None:
    rows = cases("screen_english.jsonl")
    assert sum(label != "none" for _, label in rows) >= 60
    assert sum(label == "none" for _, label in rows) >= 60
    both = [
        text for name in ("screen_english.jsonl", "screen_english_fresh.jsonl") for text, _ in cases(name)
    ]
    assert len(set(both)) == len(both)


@pytest.mark.parametrize(
    ("name", "recall", "alarms"),
    [("screen_english.jsonl", 0.98, 0.02), ("screen_english_fresh.jsonl", 0.95, 0.05)],
)
def test_recall_and_false_alarms(name: str, recall: float, alarms: float) -> None:
    rows = cases(name)
    missed = [text for text, label in rows if label != "none" and screen(text).verdict == "none"]
    wrong = [text for text, label in rows if label == "none" and screen(text).verdict != "none"]
    dangers = sum(label != "none" for _, label in rows)
    print(
        f"{name}: recall {1 - len(missed) / dangers:.3f}, false alarms {len(wrong) / (len(rows) - dangers):.3f}"
    )
    assert 1 - len(missed) / dangers >= recall, missed
    assert len(wrong) / (len(rows) - dangers) <= alarms, wrong


def test_a_crisis_is_told_from_an_emergency() -> None:
    wrong = [
        t for t, label in cases("screen_english.jsonl") if label != "none" and screen(t).verdict != label
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("I can’t breathe", "emergency"),
        ("ＩＣＡＮ'Ｔ ＢＲＥＡＴＨＥ i can't breathe", "emergency"),
        ("I'm not sure what to do, my chest hurts so much and I am sweating", "emergency"),
        ("My father had a stroke last year. Now he suddenly can't speak", "emergency"),
        ("which department? I can't breathe, help", "emergency"),
        ("no fever or chest pain or trouble breathing", "none"),
        ("blood oxygen is 82", "emergency"),
        ("blood oxygen is 97", "none"),
        ("wo yao gua hao", "none"),
        ("wo xiang zi sha", "crisis"),
        ("CT", "none"),
        ("MRI 3.0T", "none"),
        ("ok", "none"),
    ],
)
def test_single_cases(text: str, verdict: str) -> None:
    assert screen(text).verdict == verdict


def test_a_text_with_chinese_is_left_to_the_chinese_rules() -> None:
    assert not without_han("我 can't breathe")
    assert without_han("can't breathe")


@pytest.mark.parametrize(
    "text", ["i cant breathe " * 700, "no " * 4000, "my " * 4000, "chest pain " * 900, "a" * 10000]
)
def test_long_text_is_quick(text: str) -> None:
    danger("warm up")
    started = time.perf_counter()
    danger(text)
    assert time.perf_counter() - started < 1.0
