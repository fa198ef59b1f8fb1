"""Finds the entries of a pool of short texts (FAQ questions, titles) that ask the same as a query.

Words and meaning are weighed together: ``rank = cosine + lexical_weight × lexical``, and a logistic curve
over the rank and its lead over the next entry turns it into the probability that the entry is the right one.
Weights and thresholds are learned (``language.retrieval_learning``) and kept in
``data/language/retrieval.json``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TextIO

import numpy as np

from language.grouping import around
from language.normalise import fold, normalise
from language.pool import Pool, largest
from language.vectors import FloatArray, MatrixStore, VectorStore

SETTINGS_FILE = Path(__file__).parents[1] / "data" / "language" / "retrieval.json"


class TextEmbedder(Protocol):
    """What the index needs of :class:`language.embed.Embedder`."""

    dim: int
    weights: str

    def embed(
        self,
        texts: Sequence[str],
        kind: Literal["query", "passage"] = "query",
        progress: Callable[[int, int], None] | None = None,
    ) -> FloatArray:
        """Vectors of length 1, float32 ``[len(texts), dim]``."""


class Hit(NamedTuple):
    """An entry found: ``score`` is the probability (0..1) that it was meant, ``text`` its nearest text."""

    id: str
    score: float
    text: str


@dataclass(frozen=True)
class RetrievalSettings:
    """Learned numbers. ``lead_weight`` counts for the first hit, how far it is ahead; ``behind_weight`` for the others, how far behind.

    ``answer_from``: a first hit of that score may be answered outright; ``offer_from``: hits of that score
    are worth offering as a choice. Below it the question is not in the pool.
    """

    lexical_weight: float
    support: float
    bias: float
    rank_weight: float
    lead_weight: float
    behind_weight: float
    answer_from: float
    offer_from: float

    @classmethod
    def load(cls, path: Path = SETTINGS_FILE) -> RetrievalSettings:
        """Reads the learned numbers."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: float(content["settings"][name]) for name in cls.__dataclass_fields__})


class HybridIndex:
    """A pool of entries, each an id with one or more texts. Safe to share between threads."""

    def __init__(
        self,
        embedder: TextEmbedder,
        settings: RetrievalSettings | None = None,
        store: Callable[[int, FloatArray | None], VectorStore] = MatrixStore,
    ) -> None:
        self.settings = settings or RetrievalSettings.load()
        self._embedder = embedder
        self._prior_centre = load_centre(embedder.weights)
        self._make_store = partial(store, embedder.dim, self._prior_centre)
        self._changing = threading.RLock()  # one thread changes the pool at a time, searches going on
        self._reading = threading.RLock()
        self._pool = Pool(self._make_store(), self._reading)

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._pool.rows_of)

    def __contains__(self, entry_id: object) -> bool:
        """Whether an entry of that id is in the pool."""
        return entry_id in self._pool.rows_of

    def add(self, entry_id: str, texts: Sequence[str]) -> None:
        """Adds an entry, or puts new texts in the place of an entry's old ones."""
        self.add_many([(entry_id, texts)])

    def add_many(
        self, entries: Iterable[tuple[str, Sequence[str]]], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Adds many entries at once (much faster than one by one); ``progress`` hears (texts done, all)."""
        wanted = {entry_id: [t for text in texts if (t := text.strip())] for entry_id, texts in entries}
        pairs = [(entry_id, text) for entry_id, texts in wanted.items() for text in texts]
        plain = [normalise(text) for _, text in pairs]
        vectors = self._embedder.embed(plain, "query", progress)
        with self._changing:
            for entry_id in wanted:
                self._pool.drop(entry_id)
            self._pool.append(pairs, plain, vectors)
            self._tidy()

    def remove(self, entry_id: str) -> bool:
        """Removes an entry; returns whether it was there."""
        with self._changing:
            found = self._pool.drop(entry_id)
            if found:
                self._tidy()
            return found

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The ``k`` best entries, best first; fewer from a smaller pool, none for an empty query."""
        plain = normalise(query)
        if not plain or k < 1:
            return []
        vector = self._embedder.embed([plain], "query")[0]
        with self._reading:
            ranked = self._pool.best(plain, vector, max(k, 2), self.settings)
            return self._calibrate(ranked)[:k]

    def closeness(self, text: str, other: str) -> float:
        """The centred cosine of two texts; 1 where they differ by punctuation only."""
        if fold(text) == fold(other):
            return 1.0
        vectors = self._embedder.embed([normalise(text), normalise(other)], "query")
        first, second = around(vectors, self._prior_centre)
        return float(first @ second)

    def twins(self, same: float) -> list[tuple[str, str, str, str, float]]:
        """(entry, other entry, text, other text, cosine) of each pair of entries whose nearest texts have a cosine
        of ``same`` or more, the nearest first. Looks at ten neighbours of each text."""
        found: dict[tuple[str, str], tuple[str, str, str, str, float]] = {}
        row = 0
        while True:
            with self._reading:  # a text at a time, so that searches go on
                pool = self._pool
                if row >= len(pool.texts):
                    break
                if pool.alive[row]:
                    vector = pool.vectors.row(row)
                    near = pool.vectors.nearest(vector, 10)
                    rows = largest(pool.vectors.scores(vector), 10) if near is None else near
                    for other in (int(place) for place in rows):
                        first, second = sorted((row, other), key=lambda place: pool.owners[place])
                        pair = (pool.owners[first], pool.owners[second])
                        if not pool.alive[other] or pair[0] == pair[1]:
                            continue
                        directions = around(
                            np.stack([pool.vectors.row(first), pool.vectors.row(second)]), self._prior_centre
                        )
                        cosine = float(directions[0] @ directions[1])
                        if cosine >= same and (pair not in found or found[pair][4] < cosine):
                            found[pair] = (*pair, pool.texts[first], pool.texts[second], round(cosine, 3))
            row += 1
        return sorted(found.values(), key=lambda one: -one[4])

    def ranked_entries(
        self, plain: str, vector: FloatArray, k: int, but_itself: bool = False
    ) -> list[tuple[float, str]]:
        """(rank, id) of the best ``k`` entries for a normalised query and its vector (for the learning); ``but_itself``: rows of that
        very text are left out."""
        with self._reading:
            without = plain if but_itself else None
            best = self._pool.best(plain, vector, k, self.settings, without)
            return [(rank, self._pool.owners[row]) for rank, row in best]

    def _tidy(self) -> None:
        if self._pool.worn:
            fresh = self._pool.packed(self._make_store)
            with self._reading:
                self._pool = fresh
        self._pool.settle()

    def _calibrate(self, ranked: list[tuple[float, int]]) -> list[Hit]:
        hits = []
        for place, (rank, row) in enumerate(ranked):
            others = ranked[1:2] if place == 0 else ranked[:1]
            lead = rank - others[0][0] if others else 0.0
            score = probability(self.settings, rank, lead)
            hits.append(Hit(self._pool.owners[row], score, self._pool.texts[row]))
        return hits


def load_centre(weights: str, path: Path = SETTINGS_FILE) -> FloatArray | None:
    """The mean of this model's embeddings of patients' questions; None if not learned for it."""
    if not path.is_file():
        return None
    centre: Any = json.loads(path.read_text(encoding="utf-8")).get("centre") or {}
    return np.asarray(centre["values"], dtype=np.float32) if centre.get("weights") == weights else None


def probability(settings: RetrievalSettings, rank: float, lead: float) -> float:
    """The probability that an entry of this rank and lead (over the best other entry) is the right one."""
    apart = settings.lead_weight if lead > 0 else settings.behind_weight
    logit = settings.bias + settings.rank_weight * rank + apart * lead
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def contract_search(
    embedder: TextEmbedder,
    pool: Iterable[Mapping[str, Any]],
    queries: Iterable[Mapping[str, Any]],
    progress: TextIO | None = None,
    k: int = 10,
) -> Iterator[dict[str, Any]]:
    """The rows of ``banyi search``: ``{"query"}`` gives ``{"query", "hits": [{"pid", "score"} × k]}``.

    The pool's rows are ``{"pid", "text"}``; rows with the same pid are texts of one entry. Progress goes to
    ``progress`` (standard error, say).
    """
    entries: dict[str, list[str]] = {}
    original: dict[str, Any] = {}  # a pid may be a number: it goes out as it came in
    for row in pool:
        entries.setdefault(str(row["pid"]), []).append(row["text"])
        original.setdefault(str(row["pid"]), row["pid"])

    def told(done: int, total: int) -> None:
        if progress is not None and (done == total or done % 1024 == 0):
            progress.write(
                f"\rsearch: {done} of {total} pool texts embedded{chr(10) if done == total else ''}"
            )
            progress.flush()

    index = HybridIndex(embedder)
    index.add_many(entries.items(), told)
    for row in queries:
        hits = index.search(row["query"], k)
        yield {
            "query": row["query"],
            "hits": [{"pid": original[hit.id], "score": float(f"{hit.score:.8g}")} for hit in hits],
        }
