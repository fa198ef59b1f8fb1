"""A growing matrix of vectors of length 1, compared by cosine around their common centre.

Embeddings of one model crowd into a narrow cone (those of e5 have cosines of 0.80-0.95 to each other).
Taking the pool's mean out of both sides first spreads them: on the FAQ's held-out questions recall@1 rose
from 0.87 to 0.89, on the indirect ones from 0.50 to 0.55.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_PRIOR = 50  # texts that the prior centre counts for: a handful does not tell where a pool's centre is


class VectorStore(Protocol):
    """What the hybrid index asks of a store of vectors; rows are numbered 0, 1, 2 … as they are added."""

    def add(self, vectors: FloatArray) -> None:
        """Appends vectors ``[n, dim]``."""

    def drop(self, row: int) -> None:
        """Takes a row out of the centre; its score stays defined and is ignored by the owner."""

    def scores(self, query: FloatArray) -> FloatArray:
        """Centred cosine of ``query`` ``[dim]`` to every row, dropped ones included."""

    def row(self, row: int) -> FloatArray:
        """The vector of a row."""


class BruteForceStore:
    """Compares with every row: exact, and 15 ms for 100,000 rows of 384 numbers on one thread."""

    def __init__(self, dim: int, prior_centre: FloatArray | None = None) -> None:
        self._prior = np.zeros(dim) if prior_centre is None else prior_centre.astype(np.float64) * _PRIOR
        self._matrix = np.empty((0, dim), dtype=np.float32)
        self._sum = np.zeros(dim, dtype=np.float64)
        self._rows = 0
        self._live = 0
        self._centre: FloatArray | None = None
        self._along = np.empty(0, dtype=np.float32)  # each row's product with the centre
        self._lengths = np.empty(0, dtype=np.float32)  # each row's distance from the centre

    def add(self, vectors: FloatArray) -> None:
        """Appends vectors ``[n, dim]``."""
        needed = self._rows + len(vectors)
        if needed > len(self._matrix):
            larger = np.empty(
                (max(needed, 2 * len(self._matrix), 64), self._matrix.shape[1]), dtype=np.float32
            )
            larger[: self._rows] = self._matrix[: self._rows]
            self._matrix = larger
        self._matrix[self._rows : needed] = vectors
        self._sum += vectors.sum(axis=0, dtype=np.float64)
        self._rows = needed
        self._live += len(vectors)
        self._centre = None

    def drop(self, row: int) -> None:
        """Takes a row out of the centre."""
        self._sum -= self._matrix[row]
        self._live -= 1
        self._centre = None

    def row(self, row: int) -> FloatArray:
        """The vector of a row."""
        return np.asarray(self._matrix[row])

    def scores(self, query: FloatArray) -> FloatArray:
        """Centred cosine of ``query`` ``[dim]`` to every row."""
        centre = self._centre
        if centre is None:
            centre = self._centre = ((self._sum + self._prior) / (self._live + _PRIOR)).astype(np.float32)
            self._along = self._matrix[: self._rows] @ centre
            self._lengths = np.sqrt(np.maximum(1 - 2 * self._along + centre @ centre, 1e-6))
        shifted = query - centre
        length = max(float(np.linalg.norm(shifted)), 1e-6)
        products = self._matrix[: self._rows] @ shifted - np.float32(centre @ shifted)
        return np.asarray(products / (self._lengths * np.float32(length)), dtype=np.float32)
