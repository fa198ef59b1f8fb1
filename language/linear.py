"""A small linear text classifier: logistic regression over character n-grams, stored without pickles.

Made by ``language.triage.train`` and ``language.screen.train``; scoring needs numpy only.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from language.normalise import normalise

_SPLIT = re.compile(r"[^\w]+|_")


def prepare(text: str) -> str:
    """``text`` as the models read it: normalised, punctuation as one bar, at most 400 characters."""
    return _SPLIT.sub("|", normalise(text[:800]))[:400]


def features_of(text: str) -> list[str]:
    """The character n-grams (1-3) of a prepared text that do not cross punctuation, each once."""
    found: set[str] = set()
    for piece in text.split("|"):
        for size in (1, 2, 3):
            found.update(piece[i : i + size] for i in range(len(piece) - size + 1))
    return list(found)


@dataclass
class Linear:
    """Weights over tf-idf of present n-grams, one row a class (softmax)."""

    grams: list[str]
    idf: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    classes: list[str]
    _index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._index = {gram: n for n, gram in enumerate(self.grams)}

    def probabilities(self, prepared: str) -> dict[str, float]:
        """Class -> probability for a prepared text; uniform where nothing is known."""
        known = [self._index[gram] for gram in features_of(prepared) if gram in self._index]
        if not known:
            return {name: 1 / len(self.classes) for name in self.classes}
        values = self.idf[known]
        values = values / np.sqrt((values * values).sum())
        scores = self.weights[:, known] @ values + self.bias
        exp = np.exp(scores - scores.max())
        return dict(zip(self.classes, (exp / exp.sum()).tolist(), strict=True))

    def familiar(self, prepared: str) -> int:
        """How many known n-grams of two or three characters a prepared text holds."""
        return sum(len(gram) > 1 and gram in self._index for gram in features_of(prepared))

    def save(self, path: Path) -> None:
        """Write the arrays (half precision)."""
        arrays: dict[str, Any] = {
            "grams": np.array("\n".join(self.grams)),
            "idf": self.idf.astype(np.float16),
            "weights": self.weights.astype(np.float16),
            "bias": self.bias.astype(np.float32),
            "classes": np.array(self.classes),
        }
        np.savez_compressed(path, **arrays)

    @staticmethod
    def load(path: Path) -> Linear:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return Linear(
                str(stored["grams"]).split("\n"),
                stored["idf"].astype(np.float64),
                stored["weights"].astype(np.float64),
                stored["bias"].astype(np.float64),
                [str(name) for name in stored["classes"]],
            )


def fit(texts: list[str], labels: list[str], *, min_texts: int, strength: float) -> Linear:
    """Learn from prepared texts (needs scikit-learn); classes weigh by the root of their rarity.

    ``min_texts``: in how many texts an n-gram must stand to be kept; ``strength``: inverse regularisation.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counter = CountVectorizer(analyzer=features_of, min_df=min_texts, binary=True)
    counts = counter.fit_transform(texts)
    vocabulary: dict[str, int] = counter.vocabulary_
    grams = sorted(vocabulary, key=lambda gram: vocabulary[gram])
    seen = np.asarray(counts.sum(axis=0)).ravel()
    idf = np.log((1 + len(texts)) / (1 + seen)) + 1
    weighted = counts.multiply(idf).tocsr()
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    norms[norms == 0] = 1
    weighted = weighted.multiply(1 / norms[:, None]).tocsr()
    number = Counter(labels)
    weights = {label: (len(labels) / len(number) / n) ** 0.5 for label, n in number.items()}
    model = LogisticRegression(C=strength, max_iter=500, class_weight=weights)
    model.fit(weighted, labels)
    return Linear(grams, idf, model.coef_, model.intercept_, [str(label) for label in model.classes_])
