"""The rows behind ``HybridIndex``: each text of each entry with its words and its vector, appended and dropped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from language.lexical import LexicalIndex, LexicalQuery
from language.vectors import FloatArray, RowArray, VectorStore

_CANDIDATES = 300  # rows compared exactly in a large pool: as many by meaning, as many by words
_MOST_DEAD = 0.5  # share of dropped rows from which the pool should be packed anew
_FEWEST_ROWS_TO_PACK = 1000
_SHORTLISTED = 12  # entries beyond those wanted that are compared by all their texts
_SUPPORTING = 3  # an entry's nearest texts that count together
_SLICE = 512  # rows appended while a search has to wait


class Weighing(Protocol):
    """How words and an entry's other texts count beside the cosine."""

    @property
    def lexical_weight(self) -> float: ...

    @property
    def support(self) -> float: ...


class Pool:
    """Not safe for threads by itself: the owner lets one thread change it at a time. ``reading`` is held by whoever ranks and,
    slice by slice, by what changes rows that a reader may be looking at."""

    def __init__(self, vectors: VectorStore, reading: AbstractContextManager[Any]) -> None:
        self.texts: list[str] = []
        self.owners: list[str] = []
        self.alive = np.empty(0, dtype=np.bool_)
        self.rows_of: dict[str, list[int]] = {}
        self.vectors = vectors
        self._plain: list[str] = []
        self._dead = 0
        self._lexical = LexicalIndex()
        self._reading = reading

    def append(self, pairs: list[tuple[str, str]], plain: list[str], vectors: FloatArray) -> None:
        """Adds (entry, text) with the text's normalised form and vector; an entry's old rows are dropped by then."""
        for start in range(0, len(pairs), _SLICE):
            with self._reading:
                end = start + _SLICE
                self._append(pairs[start:end], plain[start:end], vectors[start:end])

    def _append(self, pairs: list[tuple[str, str]], plain: list[str], vectors: FloatArray) -> None:
        first = len(self.texts)
        for offset, (entry_id, text) in enumerate(pairs):
            self.texts.append(text)
            self.owners.append(entry_id)
            self.rows_of.setdefault(entry_id, []).append(first + offset)
        self._plain.extend(plain)
        self.alive = np.concatenate([self.alive, np.ones(len(pairs), dtype=np.bool_)])
        self.vectors.add(vectors)
        self._lexical.add((first + offset, text) for offset, text in enumerate(plain))

    def drop(self, entry_id: str) -> bool:
        """Drops an entry's rows; whether there were any."""
        with self._reading:
            rows = self.rows_of.pop(entry_id, None)
            if rows is None:
                return False
            for row in rows:
                self.alive[row] = False
                self.vectors.drop(row)
            self._lexical.forget(len(rows))
            self._dead += len(rows)
            return True

    def settle(self) -> None:
        """The work that many changes left: frequencies counted anew, the graph brought up to date. Searches go on."""
        self._lexical.settle()
        while self.vectors.behind():
            with self._reading:
                self.vectors.catch_up()

    @property
    def worn(self) -> bool:
        """Whether so many rows are dead that it should be packed."""
        return self._dead > max(_MOST_DEAD * len(self.texts), _FEWEST_ROWS_TO_PACK)

    def packed(self, store: Callable[[], VectorStore]) -> Pool:
        """A pool of the living rows alone; no text is embedded again."""
        fresh = Pool(store(), self._reading)
        rows = np.flatnonzero(self.alive)
        for start in range(0, len(rows), _SLICE):
            part = [int(row) for row in rows[start : start + _SLICE]]
            fresh._append(  # nobody reads it yet
                [(self.owners[row], self.texts[row]) for row in part],
                [self._plain[row] for row in part],
                np.stack([self.vectors.row(row) for row in part]),
            )
        fresh.settle()
        return fresh

    def best(
        self,
        plain: str,
        vector: FloatArray,
        k: int,
        weighing: Weighing,
        without: str | None = None,
    ) -> list[tuple[float, int]]:
        """(rank, nearest row) of the best ``k`` entries, rows of the normalised text ``without`` left out.

        An entry's rank is that of its nearest row and, as ``support`` weighs it, the mean of its three nearest: what several
        of its texts say is believed more.
        """
        if not self.rows_of:
            return []
        look = _Look(self.vectors, self._lexical.query(plain), vector, np.float32(weighing.lexical_weight))
        wanted = min(k, len(self.rows_of))
        entries = self._shortlist(look, wanted + _SHORTLISTED, without)
        theirs = [
            [row for row in self.rows_of[entry] if without is None or self._plain[row] != without]
            for entry in entries
        ]
        rows = np.asarray([row for some in theirs for row in some], dtype=np.int64)
        ranked, start = [], 0
        every = look.ranks(rows)
        for some in theirs:
            ranks = np.sort(every[start : start + len(some)])[::-1][:_SUPPORTING]
            nearest = int(rows[start + int(every[start : start + len(some)].argmax())])
            start += len(some)
            together = float(ranks[0]) + weighing.support * float(ranks.mean())
            ranked.append((together / (1 + weighing.support), nearest))
        return sorted(ranked, key=lambda one: -one[0])[:wanted]

    def _shortlist(self, look: _Look, wanted: int, without: str | None) -> list[str]:
        """The entries with the ``wanted`` nearest rows, all there are in a pool of fewer."""
        near = self.vectors.nearest(look.vector, _CANDIDATES) if without is None else None
        if near is not None:
            rows = np.union1d(near, look.query.likely(_CANDIDATES, self.alive))
            rows = rows[self.alive[rows]]
            entries = self._first(rows, look.ranks(rows), wanted)
            if len(entries) == wanted:
                return entries
        rows = np.flatnonzero(self.alive)
        if without is not None:
            rows = rows[[self._plain[row] != without for row in rows]]
        return self._first(rows, look.all(len(self.texts))[rows], wanted)

    def _first(self, rows: RowArray, ranks: FloatArray, wanted: int) -> list[str]:
        """The entries of the best rows, best first; at most ``wanted``."""
        look = min(len(rows), 8 * wanted)
        while True:
            best = dict.fromkeys(self.owners[rows[place]] for place in largest(ranks, look))
            if len(best) >= wanted or look == len(rows):
                return list(best)[:wanted]
            look = min(len(rows), 4 * look)


@dataclass(frozen=True, slots=True)
class _Look:
    """One query against the pool as it is now."""

    vectors: VectorStore
    query: LexicalQuery
    vector: FloatArray
    weight: np.float32

    def ranks(self, rows: RowArray) -> FloatArray:
        return np.asarray(self.vectors.scores(self.vector, rows) + self.weight * self.query.of(rows))

    def all(self, count: int) -> FloatArray:
        return np.asarray(self.vectors.scores(self.vector) + self.weight * self.query.scores(count))


def largest(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Places of the ``count`` largest values, largest first."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    part = np.argpartition(-values, count - 1)[:count]
    return part[np.argsort(-values[part], kind="stable")]
