"""The trained part of department advice: a linear model over character n-grams (see ``train``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from language.normalise import normalise

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "triage_model.npz"
_SPLIT = re.compile(r"[^\w]+|_")


def prepare(text: str) -> str:
    """``text`` as the model reads it: normalised, punctuation as one bar."""
    return _SPLIT.sub("|", normalise(text))[:400]


def features_of(text: str) -> list[str]:
    """The character n-grams (1-3) of a prepared text that do not cross punctuation."""
    found: set[str] = set()
    for piece in text.split("|"):
        for size in (1, 2, 3):
            found.update(piece[i : i + size] for i in range(len(piece) - size + 1))
    return list(found)


@dataclass
class Linear:
    """Weights of a multinomial logistic regression over tf-idf of present n-grams, one row a class."""

    grams: list[str]
    idf: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    classes: list[str]
    _index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._index = {gram: n for n, gram in enumerate(self.grams)}

    def probabilities(self, text: str) -> dict[str, float]:
        """Class -> probability for a prepared text; uniform over nothing known."""
        known = [self._index[gram] for gram in features_of(text) if gram in self._index]
        if not known:
            return {name: 1 / len(self.classes) for name in self.classes}
        values = self.idf[known]
        values = values / np.sqrt((values * values).sum())
        scores = self.weights[:, known] @ values + self.bias
        exp = np.exp(scores - scores.max())
        return dict(zip(self.classes, (exp / exp.sum()).tolist(), strict=True))

    def save(self, path: Path) -> None:
        """Write the arrays (half precision, no pickles)."""
        arrays: dict[str, Any] = {
            "grams": np.array("\n".join(self.grams)),
            "idf": self.idf.astype(np.float16),
            "weights": self.weights.astype(np.float16),
            "bias": self.bias.astype(np.float32),
            "classes": np.array(self.classes),
        }
        np.savez_compressed(path, **arrays)

    @staticmethod
    def load(path: Path = MODEL) -> Linear:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return Linear(
                str(stored["grams"]).split("\n"),
                stored["idf"].astype(np.float64),
                stored["weights"].astype(np.float64),
                stored["bias"].astype(np.float64),
                [str(name) for name in stored["classes"]],
            )


@lru_cache(maxsize=1)
def internal_medicine() -> Linear | None:
    """The shipped model, ``None`` where a hospital took it out."""
    return Linear.load() if MODEL.exists() else None
