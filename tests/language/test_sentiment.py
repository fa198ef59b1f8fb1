"""Moods and complaints in comments: figures on a set nobody learned from, and single tricky comments."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from language.embed import Embedder, embed_one
from language.sentiment import Judged, judge
from language.sentiment.train import COMMENTS, RECORD
from server.settings import ROOT, load_settings

HELD = ROOT / "data" / "nlu_eval" / "sentiment_held_out.jsonl"


@pytest.fixture(scope="module")
def mood() -> Callable[[str], Judged]:
    return partial(judge, embed=partial(embed_one, Embedder(load_settings().models / "sentence-onnx")))


def rows(path: Path) -> list[tuple[str, str]]:
    return [(row["text"], row["sentiment"]) for row in map(json.loads, path.read_text("utf-8").splitlines())]


def test_enough_comments_were_written_and_none_twice() -> None:
    texts = [text for path in (COMMENTS, HELD) for text, _ in rows(path)]
    assert len(texts) >= 200
    assert len(set(texts)) == len(texts)


def test_figures_on_the_set_held_out(mood: Callable[[str], Judged]) -> None:
    judged = [(label, mood(text)) for text, label in rows(HELD)]
    right = sum(one.mood == label for label, one in judged) / len(judged)
    angry = [one.complaint for label, one in judged if label == "angry"]
    calm = [one.complaint for label, one in judged if label in ("neutral", "happy")]
    print(
        f"accuracy {right:.3f}, angry caught {sum(angry) / len(angry):.3f}, calm taken {sum(calm) / len(calm):.3f}"
    )
    assert right >= 0.75
    assert sum(angry) / len(angry) >= 0.9
    assert sum(calm) / len(calm) <= 0.06


def test_without_embeddings_it_still_judges() -> None:
    judged = [(label, judge(text)) for text, label in rows(HELD)]
    assert sum(one.mood == label for label, one in judged) / len(judged) >= 0.5


@pytest.mark.parametrize(
    "text", ["", "😡😡😡", "。。。", "   ", "\u200b", "a" * 10000, "差" * 10000, "<b>'; --", "\ud800"]
)
def test_bad_input_is_judged_without_harm(mood: Callable[[str], Judged], text: str) -> None:
    assert 0 <= mood(text).confidence <= 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("护士很耐心就是停车难", False),
        ("没有意见", False),
        ("太过分了，骂我妈，我要投诉你们", True),
    ],
)
def test_single_comments(mood: Callable[[str], Judged], text: str, complaint: bool) -> None:
    assert mood(text).complaint is complaint


def test_the_record_says_how_the_model_was_made() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    assert record["rows"]["comments"] == len(rows(COMMENTS))
    assert record["five_fold_on_comments"]["complaint_recall"] >= 0.85
