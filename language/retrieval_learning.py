"""Learns the numbers in ``data/language/retrieval.json`` and records how well they do.

``python -m language.retrieval_learning`` uses the FAQ (``data/seed/faq``) and its held-out questions
(``data/nlu_eval``), in three tasks:

* ``direct`` and ``indirect``: held-out questions against the whole FAQ; rows without an id have no answer in
it;
* ``paraphrase``: the FAQ's similar questions against the entries' main questions alone, one text an entry.

The lexical weight is the one with the best mean reciprocal rank over the three. The curve from rank and lead
to a probability is fitted on their first five hits, each query a second time with its right entry taken away,
so that it also knows questions whose answer is missing; it is judged on folds of queries it has not seen. The
centre, the mean of the FAQ's embeddings, stands in for a small pool's own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from language.embed import Embedder
from language.normalise import normalise
from language.retrieve import SETTINGS_FILE, HybridIndex, RetrievalSettings

ROOT = Path(__file__).parents[1]
_GRID = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
_DEPTH = 10
_CALIBRATED_HITS = 5
_PRECISION = 0.9  # of answers given outright
_KEPT = 0.95  # of answerable questions that must at least be offered their answer
_START = RetrievalSettings(0.2, 0.0, 1.0, 0.0, 0.5, 0.1)
Ranked = list[tuple[float, str]]
Array = npt.NDArray[np.float64]


@dataclass
class Task:
    """Queries against a pool; ``gold`` is None where the pool has no answer."""

    name: str
    index: HybridIndex
    queries: list[str]
    gold: list[str | None]
    vectors: npt.NDArray[np.float32]

    def ranked(self, lexical_weight: float) -> list[Ranked]:
        """For each query the best entries as (rank, id)."""
        self.index.settings = replace(self.index.settings, lexical_weight=lexical_weight)
        pairs = zip(self.queries, self.vectors, strict=True)
        return [self.index.ranked_entries(query, vector, _DEPTH) for query, vector in pairs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(prog="python -m language.retrieval_learning", description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / "var" / "models")
    parser.add_argument("--out", type=Path, default=SETTINGS_FILE)
    options = parser.parse_args(arguments)
    content = learn(Embedder(options.models / "sentence-onnx", threads=2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    centre = content["centre"].pop("values")
    print(json.dumps(content, ensure_ascii=False, indent=1))
    content["centre"]["values"] = "HERE"
    text = json.dumps(content, ensure_ascii=False, indent=1).replace('"HERE"', json.dumps(centre))
    options.out.write_text(text + "\n", encoding="utf-8")
    return 0


def learn(embedder: Embedder) -> dict[str, Any]:
    """The content of ``retrieval.json``: settings and the record of how they were learned."""
    tasks = _tasks(embedder)
    tried = {weight: [task.ranked(weight) for task in tasks] for weight in _GRID}
    quality = {
        weight: [_reciprocal(task, ranked) for task, ranked in zip(tasks, results, strict=True)]
        for weight, results in tried.items()
    }
    best = max(_GRID, key=lambda weight: float(np.mean(quality[weight])))
    results = tried[best]
    curve, folds = _fit_curve(tasks, results)
    settings = replace(_START, lexical_weight=best, **curve)
    settings = replace(settings, **_thresholds(tasks[:2], results[:2], settings))
    return {
        "settings": {name: round(value, 5) for name, value in asdict(settings).items()},
        "centre": {"weights": embedder.weights, "values": [round(float(v), 5) for v in _centre(embedder)]},
        "record": {
            "made_by": "python -m language.retrieval_learning",
            "sentence_model": embedder.version,
            "mean_reciprocal_rank_by_lexical_weight": {
                str(weight): {task.name: round(v, 4) for task, v in zip(tasks, values, strict=True)}
                for weight, values in quality.items()
            },
            "tasks": {
                task.name: _report(task, ranked, settings)
                for task, ranked in zip(tasks, results, strict=True)
            },
            "unseen_folds": folds,
        },
    }


def _faq() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for path in sorted((ROOT / "data" / "seed" / "faq").glob("*.yml")):
        entries += yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]
    return entries


def _centre(embedder: Embedder) -> npt.NDArray[np.float32]:
    texts = [normalise(text) for entry in _faq() for text in (entry["question"], *entry.get("similar", []))]
    return np.asarray(embedder.embed(texts).mean(axis=0), dtype=np.float32)


def _tasks(embedder: Embedder) -> list[Task]:
    entries = _faq()
    whole, titles = HybridIndex(embedder, _START), HybridIndex(embedder, _START)
    whole.add_many((entry["id"], [entry["question"], *entry.get("similar", [])]) for entry in entries)
    titles.add_many((entry["id"], [entry["question"]]) for entry in entries)
    tasks = []
    for name, file in (("direct", "faq_held_out.jsonl"), ("indirect", "faq_held_out_indirect.jsonl")):
        lines = (ROOT / "data" / "nlu_eval" / file).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        tasks.append(_task(name, whole, embedder, [(row["query"], row["id"]) for row in rows]))
    pairs = [(text, entry["id"]) for entry in entries for text in entry.get("similar", [])]
    tasks.append(_task("paraphrase", titles, embedder, pairs))
    return tasks


def _task(name: str, index: HybridIndex, embedder: Embedder, pairs: list[tuple[str, str | None]]) -> Task:
    queries = [normalise(query) for query, _ in pairs]
    return Task(name, index, queries, [gold for _, gold in pairs], embedder.embed(queries))


def _place(ranked: Ranked, gold: str | None) -> int | None:
    return next((place for place, (_, entry) in enumerate(ranked) if entry == gold), None)


def _reciprocal(task: Task, results: list[Ranked]) -> float:
    values = []
    for ranked, gold in zip(results, task.gold, strict=True):
        if gold is not None:
            place = _place(ranked, gold)
            values.append(0.0 if place is None else 1 / (place + 1))
    return float(np.mean(values))


def _features(ranked: Ranked) -> list[list[float]]:
    """(rank, lead over the best other) of the first hits."""
    rows = []
    for place, (rank, _) in enumerate(ranked[:_CALIBRATED_HITS]):
        other = ranked[1 if place == 0 else 0][0] if len(ranked) > 1 else rank
        rows.append([rank, rank - other])
    return rows


def _examples(tasks: list[Task], results: list[list[Ranked]]) -> tuple[Array, Array, Array]:
    """Features, labels and the number of the query they come from."""
    rows: list[list[float]] = []
    labels: list[float] = []
    groups: list[int] = []
    query = 0
    for task, task_results in zip(tasks, results, strict=True):
        for ranked, gold in zip(task_results, task.gold, strict=True):
            versions = [ranked] if gold is None else [ranked, [pair for pair in ranked if pair[1] != gold]]
            for version in versions:
                rows += _features(version)
                labels += [float(entry == gold) for _, entry in version[:_CALIBRATED_HITS]]
                groups += [query] * len(version[:_CALIBRATED_HITS])
            query += 1
    return np.asarray(rows), np.asarray(labels), np.asarray(groups, dtype=np.float64)


def _fit_curve(tasks: list[Task], results: list[list[Ranked]]) -> tuple[dict[str, float], dict[str, float]]:
    rows, labels, groups = _examples(tasks, results)
    losses, areas = [], []
    queries = np.unique(groups)
    for train, test in KFold(5, shuffle=True, random_state=20).split(queries):
        chosen, held = np.isin(groups, queries[train]), np.isin(groups, queries[test])
        model = LogisticRegression(C=100.0).fit(rows[chosen], labels[chosen])
        guess = np.clip(model.predict_proba(rows[held])[:, 1], 1e-9, 1 - 1e-9)
        truth = labels[held]
        losses.append(float(-(truth * np.log(guess) + (1 - truth) * np.log(1 - guess)).mean()))
        areas.append(float(roc_auc_score(truth, guess)))
    model = LogisticRegression(C=100.0).fit(rows, labels)
    rank, lead = (float(value) for value in model.coef_[0])
    curve = {"bias": float(model.intercept_[0]), "rank_weight": rank, "lead_weight": lead}
    return curve, {
        "log_loss": round(float(np.mean(losses)), 4),
        "auc_of_hits": round(float(np.mean(areas)), 4),
    }


def _firsts(task: Task, results: list[Ranked], settings: RetrievalSettings) -> tuple[Array, Array, Array]:
    """Per query: the first hit's probability, whether it is right, whether the pool has the answer."""
    scores, right, answerable = [], [], []
    for ranked, gold in zip(results, task.gold, strict=True):
        rank, lead = _features(ranked)[0]
        logit = settings.bias + settings.rank_weight * rank + settings.lead_weight * lead
        scores.append(1 / (1 + np.exp(-logit)))
        right.append(ranked[0][1] == gold)
        answerable.append(gold is not None)
    return np.asarray(scores), np.asarray(right, dtype=np.float64), np.asarray(answerable, dtype=np.float64)


def _thresholds(
    tasks: list[Task], results: list[list[Ranked]], settings: RetrievalSettings
) -> dict[str, float]:
    """``answer_from``: the lowest score from which 90 % of answers are right. ``offer_from``: as high as lets
    95 % of the questions that have an answer through."""
    parts = [_firsts(task, ranked, settings) for task, ranked in zip(tasks, results, strict=True)]
    scores, right, answerable = (np.concatenate([part[n] for part in parts]) for n in range(3))
    order = np.argsort(-scores)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(precision >= _PRECISION)
    answer_from = float(scores[order[good[-1]]]) if len(good) else 0.95
    offer_from = float(np.quantile(scores[answerable > 0], 1 - _KEPT))
    return {"answer_from": answer_from, "offer_from": min(offer_from, answer_from)}


def _report(task: Task, results: list[Ranked], settings: RetrievalSettings) -> dict[str, float]:
    places = [
        _place(ranked, gold) for ranked, gold in zip(results, task.gold, strict=True) if gold is not None
    ]
    scores, right, answerable = _firsts(task, results, settings)
    answered = scores >= settings.answer_from
    report = {
        "queries": len(task.queries),
        "recall_at_1": float(np.mean([place == 0 for place in places])),
        "recall_at_3": float(np.mean([place is not None and place < 3 for place in places])),
        "recall_at_10": float(np.mean([place is not None for place in places])),
        "answered_outright": float(answered[answerable > 0].mean()),
        "answers_right": float(right[answered].mean()) if answered.any() else 1.0,
    }
    if (answerable == 0).any():
        report["without_answer"] = float((answerable == 0).sum())
        report["refusal_auc"] = float(roc_auc_score(answerable, scores))
        report["without_answer_refused"] = float((scores[answerable == 0] < settings.offer_from).mean())
        report["without_answer_answered"] = float(answered[answerable == 0].mean())
    return {name: round(value, 4) for name, value in report.items()}


if __name__ == "__main__":
    raise SystemExit(main())
