"""The trained part of department advice (made by ``language.triage.train``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from language.linear import Linear

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "triage_model.npz"


@lru_cache(maxsize=1)
def internal_medicine() -> Linear | None:
    """The shipped model, ``None`` where a hospital took it out."""
    return Linear.load(MODEL) if MODEL.exists() else None
