"""The screen's ear for meaning: a support-vector machine over the sentence's embedding, asked where no rule fired.

Rules and letters know the words somebody thought of; the embedding knows that "筷子掉了 右手捡不起来" and "手突然没力气" are near.
Made by ``python -m language.screen.train_meaning``; scoring needs numpy only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "screen_meaning.npz"
RECORD = MODEL.with_suffix(".json")
FloatArray = npt.NDArray[np.float32]


class Ear(Protocol):
    """What is needed of :class:`language.embed.Embedder`."""

    weights: str

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of length 1 ``[len(texts), dim]``."""


@dataclass(frozen=True)
class Meaning:
    """``near``: the support vectors ``[n, dim]`` around ``centre``, ``pull`` each one's weight for danger; ``gamma``, ``bias`` of
    the kernel; ``slope`` and ``level`` turn its decision and the letters' logit into a probability; ``crisis`` ``[dim + 1]`` tells a
    crisis from an emergency. ``weights`` is the sentence model it was made with."""

    near: FloatArray
    pull: FloatArray
    centre: FloatArray
    gamma: float
    bias: float
    slope: FloatArray
    level: float
    crisis: FloatArray
    weights: str

    def direction(self, vector: FloatArray) -> FloatArray:
        """``vector`` ``[dim]`` as seen from the centre, length 1."""
        shifted = vector - self.centre
        return np.asarray(shifted / max(float(np.linalg.norm(shifted)), 1e-6), dtype=np.float32)

    def decision(self, direction: FloatArray) -> float:
        """Above 0 for danger."""
        kernel = np.exp(-2 * self.gamma * (1 - self.near @ direction))
        return float(kernel @ self.pull) + self.bias

    def danger(self, direction: FloatArray, letters: float) -> float:
        """The probability of danger; ``letters`` is the probability that the model of letters gives."""
        value = float(self.slope[0]) * self.decision(direction) + float(self.slope[1]) * logit(letters)
        return float(1 / (1 + np.exp(-np.clip(value + self.level, -30, 30))))

    def is_crisis(self, direction: FloatArray) -> bool:
        """Of a danger: is it one to oneself or to others by intent?"""
        return float(self.crisis[:-1] @ direction) + float(self.crisis[-1]) > 0


def logit(share: float) -> float:
    """Log-odds, within ±6."""
    return float(np.clip(np.log(max(share, 1e-9) / max(1 - share, 1e-9)), -6, 6))


@lru_cache(maxsize=1)
def meaning() -> Meaning | None:
    """The shipped model; None where a hospital took it out."""
    if not MODEL.exists():
        return None
    with np.load(MODEL, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in ("pull", "centre", "slope", "crisis")}
        return Meaning(
            **arrays,
            near=stored["near"].astype(np.float32) * np.float32(stored["step"]),
            gamma=float(stored["gamma"]),
            bias=float(stored["bias"]),
            level=float(stored["level"]),
            weights=str(stored["weights"]),
        )


@lru_cache(maxsize=1)
def thresholds() -> dict[str, float]:
    """``alarm``: probability from which it counts; ``calm_emergency``, ``calm_crisis``: under which a rule's alarm may be taken back;
    ``doubt``: the letters' probability under which nobody asks for the embedding."""
    read = json.loads(RECORD.read_text("utf-8"))
    return {name: float(read[name]) for name in ("alarm", "calm_emergency", "calm_crisis", "doubt")}
