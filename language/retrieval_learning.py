"""Learns the numbers in ``data/language/retrieval.json`` and records how well they do.

``python -m language.retrieval_learning`` learns from the FAQ (``data/seed/faq``) and its held-out questions (``data/nlu_eval``):

* ``others``: each of the FAQ's questions and similar ones against the whole FAQ without that text, as a patient's new wording meets it;
* ``titles``: the similar ones against the entries' main questions alone, one text an entry;
* ``direct`` and ``indirect``: held-out questions against the whole FAQ; rows without an id have no answer in it.

The weights of words and of an entry's other texts are those with the best mean reciprocal rank over the first two. The curve from rank
and lead to a probability is fitted on the first five hits of ``others``, ``direct`` and ``indirect``, some a second time with their right
entry taken away (``MIX``), so that it also knows questions whose answer is missing; the folds it is judged on hold entries it has not
seen. The thresholds come from the held-out questions. ``faq_fresh.jsonl`` judges and is never learned from.
The centre, the mean of the FAQ's embeddings, stands in for a small pool's own.
"""

from __future__ import annotations

import argparse
import itertools
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
from sklearn.model_selection import GroupKFold

from language.embed import Embedder
from language.normalise import normalise
from language.retrieve import SETTINGS_FILE, HybridIndex, RetrievalSettings, probability

ROOT = Path(__file__).parents[1]
_WORDS = (0.05, 0.1, 0.2, 0.3)
_SUPPORT = (0.0, 1.0, 2.0, 4.0)
_GRID = tuple(itertools.product(_WORDS, _SUPPORT))
_DEPTH = 10
_CALIBRATED_HITS = 5
_PRECISION = 0.94  # of answers given outright
_KEPT = 0.95  # of answerable questions that must at least be offered their answer
MIX = {"others": (0.25, 0.2), "direct": (1.0, 0.0), "indirect": (1.0, 0.2)}
"""Per task: how much a question weighs in the curve, and the share of it that counts as asked with its entry missing. An editor writes
ways of asking that differ from each other, so leaving one out is harder than what patients ask and weighs less; ``direct`` has questions
without an answer of its own."""
_START = RetrievalSettings(0.2, 1.0, 0.0, 1.0, 0.0, 0.0, 0.5, 0.1)
Ranked = list[tuple[float, str]]
Array = npt.NDArray[np.float64]


@dataclass
class Task:
    """Queries against a pool; ``gold`` is None where the pool has no answer. ``own``: the query stands in the pool itself and its
    row is left out."""

    name: str
    index: HybridIndex
    queries: list[str]
    gold: list[str | None]
    vectors: npt.NDArray[np.float32]
    own: bool = False

    def ranked(self, lexical_weight: float, support: float) -> list[Ranked]:
        """For each query the best entries as (rank, id)."""
        self.index.settings = replace(self.index.settings, lexical_weight=lexical_weight, support=support)
        pairs = zip(self.queries, self.vectors, strict=True)
        return [self.index.ranked_entries(query, vector, _DEPTH, self.own) for query, vector in pairs]


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


def learn(embedder: Embedder, grid: Sequence[tuple[float, float]] = _GRID) -> dict[str, Any]:
    """The content of ``retrieval.json``: settings and the record of how they were learned. ``grid``: the (weight of words, of an
    entry's other texts) to choose from."""
    tasks = _tasks(embedder)
    tried = {weight: [task.ranked(*weight) for task in tasks] for weight in grid}
    quality = {
        weight: [_reciprocal(task, ranked) for task, ranked in zip(tasks, results, strict=True)]
        for weight, results in tried.items()
    }
    best = max(grid, key=lambda weight: float(np.mean(quality[weight])))
    results = tried[best]
    judged = [(task, task.ranked(*best)) for task in _held_out(embedder, tasks[0].index)]
    curve, folds = _fit_curve([(tasks[0], results[0]), *judged])
    settings = replace(_START, lexical_weight=best[0], support=best[1], **curve)
    settings = replace(settings, **_thresholds(judged, settings))
    return {
        "settings": {name: round(value, 5) for name, value in asdict(settings).items()},
        "centre": {"weights": embedder.weights, "values": [round(float(v), 5) for v in _centre(embedder)]},
        "record": {
            "made_by": "python -m language.retrieval_learning",
            "sentence_model": embedder.version,
            "mean_reciprocal_rank_by_lexical_weight_and_support": {
                "{} {}".format(*weight): {
                    task.name: round(v, 4) for task, v in zip(tasks, values, strict=True)
                }
                for weight, values in quality.items()
            },
            "tasks": {
                task.name: _report(task, ranked, settings)
                for task, ranked in (*zip(tasks, results, strict=True), *judged)
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
    """What the weights are chosen by."""
    entries = _faq()
    whole, titles = HybridIndex(embedder, _START), HybridIndex(embedder, _START)
    whole.add_many((entry["id"], [entry["question"], *entry.get("similar", [])]) for entry in entries)
    titles.add_many((entry["id"], [entry["question"]]) for entry in entries)
    pairs = [(text, entry["id"]) for entry in entries for text in entry.get("similar", [])]
    questions = [(entry["question"], entry["id"]) for entry in entries]
    return [
        _task("others", whole, embedder, questions + pairs, own=True),
        _task("titles", titles, embedder, pairs),
    ]


def _held_out(embedder: Embedder, whole: HybridIndex) -> list[Task]:
    """Questions as patients ask them, against the whole FAQ."""
    tasks = []
    for name, file in (("direct", "faq_held_out.jsonl"), ("indirect", "faq_held_out_indirect.jsonl")):
        lines = (ROOT / "data" / "nlu_eval" / file).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        tasks.append(_task(name, whole, embedder, [(row["query"], row["id"]) for row in rows]))
    return tasks


def _task(
    name: str, index: HybridIndex, embedder: Embedder, pairs: list[tuple[str, str | None]], own: bool = False
) -> Task:
    queries = [normalise(query) for query, _ in pairs]
    return Task(name, index, queries, [gold for _, gold in pairs], embedder.embed(queries), own)


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
    """(rank, lead over the second, lag behind the first) of the first hits."""
    rows = []
    for place, (rank, _) in enumerate(ranked[:_CALIBRATED_HITS]):
        other = ranked[1 if place == 0 else 0][0] if len(ranked) > 1 else rank
        rows.append([rank, max(rank - other, 0.0), min(rank - other, 0.0)])
    return rows


@dataclass
class _Examples:
    """Hits of queries: features, whether it is the right one, weight, whether it came first, and the entry the query is for."""

    rows: list[list[float]]
    labels: list[float]
    weights: list[float]
    first: list[bool]
    groups: list[str]


def _examples(ranked_tasks: Sequence[tuple[Task, list[Ranked]]]) -> _Examples:
    made = _Examples([], [], [], [], [])
    for task, results in ranked_tasks:
        weight, missing = MIX[task.name]
        for query, ranked, gold in zip(task.queries, results, task.gold, strict=True):
            versions = [(ranked, weight if gold is None else weight * (1 - missing))]
            if gold is not None and missing:
                versions.append(([pair for pair in ranked if pair[1] != gold], weight * missing))
            for version, share in versions:
                features = _features(version)
                made.rows += features
                made.labels += [float(entry == gold) for _, entry in version[:_CALIBRATED_HITS]]
                made.weights += [share] * len(features)
                made.first += [place == 0 for place in range(len(features))]
                made.groups += [gold or query] * len(features)
    return made


def _fit_curve(
    ranked_tasks: Sequence[tuple[Task, list[Ranked]]],
) -> tuple[dict[str, float], dict[str, float]]:
    """The curve, and how well it does on entries it has not seen."""
    made = _examples(ranked_tasks)
    rows, labels, weights = (
        np.asarray(one, dtype=np.float64) for one in (made.rows, made.labels, made.weights)
    )
    first, scores = np.asarray(made.first), np.zeros(len(made.labels))
    # First hits count as much as the four others together: theirs is the score that decides.
    counts = weights * np.where(first, _CALIBRATED_HITS - 1.0, 1.0)
    for train, test in GroupKFold(5, shuffle=True, random_state=20).split(rows, groups=made.groups):
        fold = LogisticRegression(C=100.0).fit(rows[train], labels[train], sample_weight=counts[train])
        scores[test] = fold.predict_proba(rows[test])[:, 1]
    model = LogisticRegression(C=100.0).fit(rows, labels, sample_weight=counts)
    rank, lead, behind = (float(value) for value in model.coef_[0])
    curve = {
        "bias": float(model.intercept_[0]),
        "rank_weight": rank,
        "lead_weight": lead,
        "behind_weight": behind,
    }
    scores, right, weights = scores[first], labels[first], weights[first]
    guess = np.clip(scores, 1e-9, 1 - 1e-9)
    loss = -(right * np.log(guess) + (1 - right) * np.log(1 - guess))
    record = {
        "log_loss": float(np.average(loss, weights=weights)),
        "auc_of_first_hits": float(roc_auc_score(right, scores, sample_weight=weights)),
        "calibration_error": _calibration_error(scores, right, weights),
    }
    return curve, {name: round(value, 4) for name, value in record.items()}


def _calibration_error(scores: Array, right: Array, weights: Array, bins: int = 10) -> float:
    place = np.minimum((scores * bins).astype(int), bins - 1)
    total = 0.0
    for one in range(bins):
        there = place == one
        if there.any():
            weight = weights[there]
            gap = np.average(scores[there], weights=weight) - np.average(right[there], weights=weight)
            total += abs(gap) * weight.sum()
    return float(total / weights.sum())


def _firsts(task: Task, results: list[Ranked], settings: RetrievalSettings) -> tuple[Array, Array, Array]:
    """Per query: the first hit's probability, whether it is right, whether the pool has the answer."""
    scores, right, answerable = [], [], []
    for ranked, gold in zip(results, task.gold, strict=True):
        rank, lead, _ = _features(ranked)[0]
        scores.append(probability(settings, rank, lead))
        right.append(ranked[0][1] == gold)
        answerable.append(gold is not None)
    return np.asarray(scores), np.asarray(right, dtype=np.float64), np.asarray(answerable, dtype=np.float64)


def _thresholds(
    held_out: Sequence[tuple[Task, list[Ranked]]], settings: RetrievalSettings
) -> dict[str, float]:
    """``answer_from``: the lowest score from which ``_PRECISION`` of what is answered is right. ``offer_from``: as high as lets
    ``_KEPT`` of the questions that have an answer through."""
    parts = [_firsts(task, ranked, settings) for task, ranked in held_out]
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
