"""Department advice by meaning: a logistic regression over the complaint's embedding, beside the table of words.

The table knows the words of its makers; the embedding knows that "看东西中间一块发黑" is about eyes. Made by
``python -m language.triage.train_meaning``; scoring needs numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from language.normalise import normalise
from language.screen import Ear

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "triage_meaning.npz"
FloatArray = npt.NDArray[np.float32]
NO_COMPLAINT = "none"
"""The class of what tells of no complaint."""
LONGEST = 1000
"""Characters of a complaint that are read."""


@dataclass(frozen=True)
class Meaning:
    """``coefficients`` ``[departments, dim]`` and ``intercepts`` over directions from ``centre``; ``weights`` names the sentence model."""

    names: tuple[str, ...]
    coefficients: FloatArray
    intercepts: FloatArray
    centre: FloatArray
    weights: str

    def probabilities(self, vector: FloatArray) -> dict[str, float]:
        """Department (or ``NO_COMPLAINT``) -> probability for an embedding ``[dim]``."""
        shifted = vector - self.centre
        scores = self.coefficients @ (shifted / max(float(np.linalg.norm(shifted)), 1e-6)) + self.intercepts
        grown = np.exp(scores - scores.max())
        return dict(zip(self.names, (grown / grown.sum()).tolist(), strict=True))


def by_meaning(text: str, ear: Ear | None) -> dict[str, float]:
    """Department -> probability; empty without a sentence model or with another than the one it was made with."""
    learned = meaning()
    if ear is None or learned is None or learned.weights != ear.weights or not text:
        return {}
    return learned.probabilities(ear.embed([normalise(text[:LONGEST])])[0])


@lru_cache(maxsize=1)
def meaning() -> Meaning | None:
    """The shipped model, None where a hospital took it out."""
    if not MODEL.exists():
        return None
    with np.load(MODEL, allow_pickle=False) as stored:
        return Meaning(
            tuple(str(name) for name in stored["names"]),
            stored["coefficients"].astype(np.float32),
            stored["intercepts"].astype(np.float32),
            stored["centre"].astype(np.float32),
            str(stored["weights"]),
        )
