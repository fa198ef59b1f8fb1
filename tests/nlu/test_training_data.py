"""The NLU training data: complete, distinct, and kept apart from the held-out evaluation set."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "data" / "nlu"
HELD_OUT = ROOT / "data" / "nlu_eval" / "intents_held_out.jsonl"

INTENTS = {
    "greet",
    "thank",
    "goodbye",
    "affirm",
    "deny",
    "help",
    "bot_challenge",
    "book_appointment",
    "cancel_appointment",
    "reschedule_appointment",
    "check_appointment",
    "ask_queue",
    "find_department",
    "describe_symptom",
    "ask_doctor",
    "ask_faq",
    "ask_health",
    "ask_medication",
    "get_report",
    "start_questionnaire",
    "rate_service",
    "complain",
    "request_human",
    "opt_out",
    "opt_in",
    "my_data",
    "delete_my_data",
    "bind_patient",
    "go_back",
    "stop",
    "out_of_scope",
}
MIN_TRAINING = 40
MIN_HELD_OUT = 10


def normalise(text: str) -> str:
    """NFKC, lower case, without punctuation, spaces, control characters and sign-like symbols; emoji stay."""
    folded = unicodedata.normalize("NFKC", text).lower()
    categories = ((char, unicodedata.category(char)) for char in folded)
    return "".join(c for c, cat in categories if cat[0] not in "PZC" and cat not in ("Sm", "Sk"))


def load_training() -> list[tuple[str, str]]:
    """Every `(utterance, intent)` line of the training files, repeats included."""
    pairs: list[tuple[str, str]] = []
    for path in sorted(TRAINING.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert document["version"] == "3.1", path.name
        for block in document["nlu"]:
            for line in block["examples"].splitlines():
                assert line.startswith("- "), f"{path.name}: {line!r}"
                pairs.append((line.removeprefix("- ").strip(), block["intent"]))
    return pairs


def load_held_out() -> list[tuple[str, str]]:
    """Every `(utterance, intent)` of the evaluation set."""
    rows = [json.loads(line) for line in HELD_OUT.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], row["intent"]) for row in rows]


@pytest.fixture(scope="module")
def training() -> list[tuple[str, str]]:
    return load_training()


@pytest.fixture(scope="module")
def held_out() -> list[tuple[str, str]]:
    return load_held_out()


def test_normalise_folds_what_patients_vary() -> None:
    assert normalise("Ｏ Ｋ，好的！～") == "ok好的"
    assert normalise("…？ ") == ""
    assert normalise("👌") == "👌"


def test_exactly_the_agreed_intents(training: list[tuple[str, str]]) -> None:
    assert len(INTENTS) == 31
    assert {intent for _, intent in training} == INTENTS


def test_enough_distinct_utterances_each(training: list[tuple[str, str]]) -> None:
    counts = Counter(intent for _, intent in {(normalise(text), intent) for text, intent in training})
    assert {intent: n for intent, n in counts.items() if n < MIN_TRAINING} == {}


def test_no_utterance_repeated_or_under_two_intents(training: list[tuple[str, str]]) -> None:
    places: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, intent in training:
        places[normalise(text)].append((text, intent))
    assert [group for group in places.values() if len(group) > 1] == []
    assert "" not in places, "an utterance of punctuation only teaches nothing"


def test_no_markup_the_engine_would_read(training: list[tuple[str, str]]) -> None:
    """Entities are read by the actions; `[`, `{` and a leading `/` mean something to Rasa."""
    assert [text for text, _ in training if text.startswith("/") or any(c in text for c in "[]{}")] == []


def test_held_out_covers_every_intent(held_out: list[tuple[str, str]]) -> None:
    counts = Counter(intent for _, intent in {(normalise(text), intent) for text, intent in held_out})
    assert set(counts) == INTENTS
    assert {intent: n for intent, n in counts.items() if n < MIN_HELD_OUT} == {}


def test_held_out_is_not_in_training(
    training: list[tuple[str, str]], held_out: list[tuple[str, str]]
) -> None:
    known = {normalise(text) for text, _ in training}
    assert [text for text, _ in held_out if normalise(text) in known] == []
