"""Searching an FAQ of 100,000 entries: the hybrid index with its graph of neighbours, against comparing with every row in the
same run; alone, and while a second thread searches without a pause.

The pool is made from the shipped FAQ and NLU texts: their embeddings are perturbed (so that no hour of embedding is needed) and
their words are kept with a number, so that the lexical half has as much to do. `python -m bench.faq [entries]`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from bench.results import Result, keep
from language.embed import Embedder
from language.normalise import normalise
from language.retrieve import HybridIndex
from language.vectors import FloatArray, MatrixStore
from server.settings import ROOT

ENTRIES = 100_000
QUESTIONS = 200
NOISE = 0.35
"""Length of the noise added to an embedding of length 1: as far apart as wordings of one question (cosine about 0.94)."""


class Prepared:
    """The real embedder for questions; the pool's vectors are looked up, made beforehand."""

    def __init__(self, real: Embedder) -> None:
        self._real = real
        self.dim, self.weights = real.dim, real.weights
        self.ready: FloatArray | None = None

    def embed(
        self,
        texts: Sequence[str],
        kind: Literal["query", "passage"] = "query",
        progress: Callable[[int, int], None] | None = None,
    ) -> FloatArray:
        if self.ready is not None and len(texts) > 1:
            return self.ready
        return self._real.embed(texts, kind, progress)


def exact(dim: int, centre: FloatArray | None) -> MatrixStore:
    """Never a graph: every row is compared."""
    return MatrixStore(dim, centre, graph_from=sys.maxsize)


def shipped() -> list[str]:
    """The FAQ's and the NLU examples' texts."""
    texts = [
        text
        for path in sorted((ROOT / "data" / "seed" / "faq").glob("*.yml"))
        for entry in yaml.safe_load(path.read_text("utf-8"))["entries"]
        for text in [entry["question"], *entry["similar"]]
    ]
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8")).get("nlu") or []:
            lines = str(block.get("examples", "")).splitlines()
            texts += [re.sub(r"\[(.*?)\](?:\(.*?\)|\{.*?\})", r"\1", line[1:]).strip() for line in lines]
    return list(dict.fromkeys(text for text in texts if text))


def questions() -> list[str]:
    """Held-out questions, as patients ask them."""
    lines = (ROOT / "data" / "nlu_eval" / "faq_held_out.jsonl").read_text("utf-8").splitlines()
    return [str(json.loads(line)["query"]) for line in lines][:QUESTIONS]


def perturbed(vectors: FloatArray, count: int) -> FloatArray:
    """`count` vectors of length 1 around `vectors`."""
    chance = np.random.default_rng(7)
    made = vectors[np.arange(count) % len(vectors)]
    noise = chance.standard_normal(made.shape, dtype=np.float32)
    made = made + noise * np.float32(NOISE / np.sqrt(made.shape[1]))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def times_of(index: HybridIndex, texts: Sequence[str]) -> list[float]:
    """Milliseconds each search takes."""
    taken = []
    for text in texts:
        began = time.perf_counter()
        index.search(text, 4)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


@contextmanager
def at_work(index: HybridIndex, texts: Sequence[str]) -> Iterator[None]:
    """A second thread searches all the time, for questions that have to be embedded anew."""
    stop = threading.Event()

    def work() -> None:
        for count in itertools.count():
            for text in texts:
                if stop.is_set():
                    return
                index.search(f"{text}{count}", 4)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def p50(taken: Sequence[float]) -> float:
    return statistics.median(taken)


def p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def resident() -> float:
    """This process's memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(count: int = ENTRIES) -> list[Result]:
    """p50 and p95 of a search, embedding of the question included; the index's memory and the time it takes to build."""
    embedder = Prepared(Embedder(ROOT / "var" / "models" / "sentence-onnx"))
    base = shipped()
    vectors = embedder.embed([normalise(text) for text in base])
    pool = perturbed(vectors, count)
    entries = [(f"e{row}", [f"{base[row % len(base)]}{row // len(base) or ''}"]) for row in range(count)]
    asked = questions()
    embedder.ready = pool
    indexes: dict[str, HybridIndex] = {}
    built: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name, store in (("graph", MatrixStore), ("exact", exact)):
        before, began = resident(), time.perf_counter()
        index = indexes[name] = HybridIndex(embedder, store=store)
        index.add_many(entries)
        index.search(asked[0])
        built[name], memory[name] = time.perf_counter() - began, resident() - before
        print(f"{name}: {count} entries indexed in {built[name]:.1f} s, {memory[name]:.0f} MiB")
    embedder.ready = None
    alone: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    best: dict[str, list[str]] = {}
    for (name, index), marks in zip(indexes.items(), ("。；", "，："), strict=True):
        # A mark that no earlier question had: the question is embedded again.
        alone[name] = times_of(index, [text + marks[0] for text in asked])
        with at_work(index, asked):
            busy[name] = times_of(index, [text + marks[1] for text in asked])
        best[name] = [index.search(text, 1)[0].id for text in asked]
    same = sum(one == other for one, other in zip(best["graph"], best["exact"], strict=True))
    print(f"first hit as by exact comparison: {same} of {len(asked)}")
    every = "comparing with every row"
    also = f"{every}, a second thread searching"
    return [
        Result("faq_p95_100k", p95(alone["graph"]), "ms", every, p95(alone["exact"])),
        Result("faq_p50_100k", p50(alone["graph"]), "ms", every, p50(alone["exact"])),
        Result("faq_p95_100k_busy", p95(busy["graph"]), "ms", also, p95(busy["exact"])),
        Result("faq_p50_100k_busy", p50(busy["graph"]), "ms", also, p50(busy["exact"])),
        Result("faq_first_hit_100k", same / len(asked), "share", every, 1.0),
        Result("faq_memory_100k", memory["graph"], "MiB", every, memory["exact"]),
        Result("faq_build_100k", built["graph"], "s", f"{every}; embedding apart", built["exact"]),
    ]


if __name__ == "__main__":
    keep(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES))
