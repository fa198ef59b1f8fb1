"""An in-memory index of short Chinese texts by their words and character n-grams, changed row by row.

The score of a text is the cosine of TF-IDF vectors (0..1) over character n-grams of 1 to 3 and jieba's words.
In a large pool it is computed for the rows that share a rare feature with the query only (``LexicalQuery.likely``):
what is common says little and stands in tens of thousands of rows.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import jieba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
RowArray = npt.NDArray[np.int64]

_MARKS = re.compile(r"[\W_]+")
_LONGEST_NGRAM = 3
_LONGEST_TEXT = 500  # characters
_READ = 40_000
"""Places of rows read in search of candidates, the rarest features' first: about a millisecond."""
_DRIFT = 1.2  # lengths of vectors are computed anew when the number of texts has changed by this factor


class _Postings:
    """The rows that hold a feature and its weight there (1 + ln count)."""

    __slots__ = ("rows", "weights")

    def __init__(self) -> None:
        self.rows = array("i")
        self.weights = array("f")


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A text against the index as it is now; to be dropped before the index changes.

    ``parts``: rows (rising), weights there, and weight in the query of each feature known, the rarest first.
    """

    parts: list[tuple[npt.NDArray[np.int32], FloatArray, float]]
    lengths: FloatArray
    own: float

    def scores(self, rows: int) -> FloatArray:
        """Cosine to each of the rows ``0 … rows - 1``; 0 for rows never added."""
        found = np.zeros(rows, dtype=np.float32)
        for where, there, weight in self.parts:
            found[where] += there * np.float32(weight)
        return self._cosine(found, self.lengths[:rows])

    def of(self, rows: RowArray) -> FloatArray:
        """Cosine to ``rows``."""
        found = np.zeros(len(rows), dtype=np.float32)
        for where, there, weight in self.parts:
            place = np.minimum(np.searchsorted(where, rows), len(where) - 1)
            found += np.where(where[place] == rows, there[place], 0) * np.float32(weight)
        return self._cosine(found, self.lengths[rows])

    def likely(self, count: int, alive: npt.NDArray[np.bool_]) -> RowArray:
        """About the ``count`` best of the rows that are ``alive``, judged by the query's rarest features."""
        read, taken = 0, 0
        for where, _, _ in self.parts:
            read += len(where)
            taken += 1
            if read >= _READ:
                break
        if not taken:
            return np.empty(0, dtype=np.int64)
        rows = np.concatenate([where for where, _, _ in self.parts[:taken]])
        weights = np.concatenate([there * np.float32(weight) for _, there, weight in self.parts[:taken]])
        found = np.bincount(rows, weights, minlength=len(alive)) / self.lengths[: len(alive)]
        found[~alive] = 0
        some = np.flatnonzero(found)
        return some if len(some) <= count else some[np.argpartition(-found[some], count - 1)[:count]]

    def _cosine(self, found: FloatArray, lengths: FloatArray) -> FloatArray:
        return np.asarray(found / (lengths * self.own), dtype=np.float32) if self.own else found


class LexicalIndex:
    """Rows are numbered by the caller in rising order, each added once. Not safe for threads: the owner locks."""

    def __init__(self) -> None:
        jieba.setLogLevel(60)
        self._postings: dict[str, _Postings] = {}
        self._lengths = np.ones(0, dtype=np.float32)
        self._live = 0
        self._live_when_measured = 0

    def add(self, rows: Iterable[tuple[int, str]]) -> None:
        """Adds (row, text) pairs; the text is expected to be normalised."""
        fresh: list[tuple[int, dict[str, float]]] = []
        for row, text in rows:
            weights = {feature: 1 + math.log(count) for feature, count in features(text).items()}
            for feature, weight in weights.items():
                postings = self._postings.get(feature)
                if postings is None:
                    postings = self._postings[feature] = _Postings()
                postings.rows.append(row)
                postings.weights.append(weight)
            fresh.append((row, weights))
        if not fresh:
            return
        self._grow(max(row for row, _ in fresh) + 1)
        self._live += len(fresh)
        for row, weights in fresh:
            squares = sum((weight * self._rarity(feature)) ** 2 for feature, weight in weights.items())
            self._lengths[row] = math.sqrt(squares) or 1.0

    def settle(self) -> None:
        """To be called after many additions: the lengths with the frequencies of now. Queries may go on meanwhile."""
        if self._live > self._live_when_measured * _DRIFT:
            self._measure()

    def forget(self, count: int) -> None:
        """Says that ``count`` rows are dead (their owner ignores their scores)."""
        self._live -= count

    def query(self, text: str) -> LexicalQuery:
        """``text`` ready to be compared."""
        parts = []
        own = 0.0
        for feature, count in features(text).items():
            rarity = self._rarity(feature)
            weight = (1 + math.log(count)) * rarity
            own += weight**2
            postings = self._postings.get(feature)
            if postings is not None:
                where = np.frombuffer(postings.rows, dtype=np.int32)
                there = np.frombuffer(postings.weights, dtype=np.float32)
                parts.append((where, there, weight * rarity))
        parts.sort(key=lambda part: len(part[0]))
        return LexicalQuery(parts, self._lengths, math.sqrt(own))

    def _rarity(self, feature: str) -> float:
        """Inverse document frequency; a feature never seen is the rarest."""
        postings = self._postings.get(feature)
        return math.log((self._live + 1) / ((len(postings.rows) if postings else 0) + 0.5) + 1)

    def _measure(self) -> None:
        """Lengths of all vectors with the frequencies of now."""
        squares = np.zeros(len(self._lengths), dtype=np.float32)
        for feature, postings in self._postings.items():
            where = np.frombuffer(postings.rows, dtype=np.int32)
            there = np.frombuffer(postings.weights, dtype=np.float32)
            squares[where] += (there * np.float32(self._rarity(feature))) ** 2
        self._lengths = np.where(squares > 0, np.sqrt(squares), 1).astype(np.float32)
        self._live_when_measured = self._live

    def _grow(self, rows: int) -> None:
        if rows > len(self._lengths):
            larger = np.ones(max(rows, 2 * len(self._lengths), 64), dtype=np.float32)
            larger[: len(self._lengths)] = self._lengths
            self._lengths = larger


def features(text: str) -> Counter[str]:
    """Character n-grams without punctuation, and words (marked ``w:``)."""
    bare = _MARKS.sub("", text)[:_LONGEST_TEXT]
    found = Counter(
        bare[start : start + size]
        for size in range(1, _LONGEST_NGRAM + 1)
        for start in range(len(bare) - size + 1)
    )
    found.update(f"w:{word}" for word in jieba.cut_for_search(bare))
    return found
