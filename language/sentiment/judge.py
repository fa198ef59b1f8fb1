"""Judge a comment: logistic regressions over character n-grams and over its sentence embedding, their scores averaged.

Both are small (`data/language/sentiment_model.npz`, made by `language.sentiment.train`, which records how). Without an
embedding the n-grams judge alone, a little worse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from language.linear import Linear, prepare

Mood = Literal["angry", "unhappy", "neutral", "happy"]
MOODS: tuple[Mood, ...] = ("angry", "happy", "neutral", "unhappy")
"""In the order of the models' rows."""
FOLDER = Path(__file__).resolve().parents[2] / "data" / "language"
WORDS, SENTENCE = FOLDER / "sentiment_words.npz", FOLDER / "sentiment_sentence.npz"
ANGRY_FROM, DISPLEASED_FROM = 0.4, 0.85
"""A comment is a complaint from this probability of anger, or of anger and displeasure together: chosen on the five-fold
figures of the training comments (`sentiment_model.json`), not on the set held out."""
WORDS_SHARE = 0.3
"""Of the score, what the n-grams give; from the same five-fold test."""
LIMIT = 400
"""Characters judged."""
_WORD = re.compile(r"\w")
Embed = Callable[[str], NDArray[np.float32]]
"""A text's sentence embedding, `[dim]`, of length 1."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`mood` and its probability; `complaint`: whether people should see to it within the hour."""

    mood: Mood
    confidence: float
    complaint: bool
    probabilities: dict[Mood, float]


@lru_cache(maxsize=1)
def _words() -> Linear:
    return Linear.load(WORDS)


@lru_cache(maxsize=1)
def _sentence() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.load(SENTENCE, allow_pickle=False) as stored:
        return stored["weights"].astype(np.float64), stored["bias"].astype(np.float64)


def judge(text: str, embed: Embed | None = None) -> Judged:
    """What `text` says of us. A text without a word is neutral."""
    if _WORD.search(text) is None:
        return Judged("neutral", 1.0, False, {mood: float(mood == "neutral") for mood in MOODS})
    by_words = _words().probabilities(prepare(text[:LIMIT]))
    scores = np.log([max(by_words[mood], 1e-9) for mood in MOODS])
    if embed is not None:
        weights, bias = _sentence()
        scores = mix(scores, weights @ np.asarray(embed(text[:LIMIT]), dtype=np.float64) + bias)
    return judged(scores)


def mix(words: NDArray[np.float64], sentence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both models' log probabilities, weighed; rows of `MOODS` last."""
    return WORDS_SHARE * log_softmax(words) + (1 - WORDS_SHARE) * log_softmax(sentence)


def log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return cast("NDArray[np.float64]", shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def judged(scores: NDArray[np.float64]) -> Judged:
    """From log scores `[4]` in the order of `MOODS`."""
    values = np.exp(log_softmax(scores))
    of = dict(zip(MOODS, (float(value) for value in values), strict=True))
    mood = max(MOODS, key=lambda name: of[name])
    angry, displeased = of["angry"], of["angry"] + of["unhappy"]
    return Judged(mood, of[mood], angry >= ANGRY_FROM or displeased >= DISPLEASED_FROM, of)
