"""Make the small internal-medicine classifier: ``python -m language.triage.train QUESTIONS.jsonl``.

Reads rows ``{"title", "department"}`` (the public Toyhom/Chinese-medical-dialogue-data set, MIT, its titles
only: bodies and answers were paraphrased by a machine), learns a linear model over character n-grams and
writes ``data/language/triage_model.npz`` (weights) with ``triage_model.json`` beside it (how it was made, how
it did on a held-back part). No sentence of the set is kept: n-grams of up to three characters that several
titles share.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from sklearn.model_selection import train_test_split

from language.linear import Linear, fit, prepare
from language.triage.model import MODEL

NGRAMS = (1, 3)
MIN_TITLES = 4
HELD_BACK = 0.2
SEED = 7
STRENGTH = 4.0


def _rows(path: Path) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    kept = Counter(row["department"] for row in rows)
    pairs = [(prepare(row["title"]), row["department"]) for row in rows if kept[row["department"]] >= 20]
    return [text for text, _ in pairs], [label for _, label in pairs]


def judge(model: Linear, texts: list[str], labels: list[str]) -> dict[str, Any]:
    """Top-1, top-3 and per-class recall on texts the model has not seen."""
    top1 = top3 = 0
    per: dict[str, list[int]] = {label: [0, 0] for label in sorted(set(labels))}
    for text, label in zip(texts, labels, strict=True):
        ranked = sorted(model.probabilities(text).items(), key=lambda pair: -pair[1])
        best = [name for name, _ in ranked[:3]]
        top1 += best[0] == label
        top3 += label in best
        per[label][0] += best[0] == label
        per[label][1] += 1
    return {
        "rows": len(texts),
        "top1": round(top1 / len(texts), 4),
        "top3": round(top3 / len(texts), 4),
        "recall": {label: round(hit / n, 4) for label, (hit, n) in per.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path, help="JSON Lines with title and department")
    parser.add_argument("--out", type=Path, default=MODEL)
    arguments = parser.parse_args()
    texts, labels = _rows(arguments.questions)
    train_x, test_x, train_y, test_y = train_test_split(
        texts, labels, test_size=HELD_BACK, random_state=SEED, stratify=labels
    )
    held_back = judge(fit(train_x, train_y, min_texts=MIN_TITLES, strength=STRENGTH), test_x, test_y)
    model = fit(texts, labels, min_texts=MIN_TITLES, strength=STRENGTH)
    model.save(arguments.out)
    record = {
        "made_by": "python -m language.triage.train",
        "data": "Toyhom/Chinese-medical-dialogue-data (MIT), internal medicine, titles only",
        "data_sha256": hashlib.sha256(arguments.questions.read_bytes()).hexdigest(),
        "rows": len(texts),
        "classes": dict(Counter(labels)),
        "features": {"ngrams": NGRAMS, "min_titles": MIN_TITLES, "kept": len(model.grams)},
        "learner": {"kind": "logistic regression", "C": STRENGTH, "class_weight": "root of rarity"},
        "held_back": {"share": HELD_BACK, "seed": SEED, **held_back},
        "note": "The shipped weights are fitted on all rows; the figures are of a fit without that part.",
    }
    arguments.out.with_suffix(".json").write_text(
        json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(record["held_back"], ensure_ascii=False))


if __name__ == "__main__":
    main()
