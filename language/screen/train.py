"""Make the screen's second opinion: ``python -m language.screen.train``.

Rules catch what somebody thought of; a small classifier over character n-grams catches some of the rest, at
a threshold high enough that it seldom cries wolf. It learns from the project's own labelled sentences
(``screen_cases.jsonl``, ``screen_batch.jsonl`` and ``screen_more.jsonl`` in ``data/nlu_eval``), from what the rules find harmless
of the utterances of ``data/nlu``, of the seeded FAQ's questions and of the complaints of
``triage_cases.jsonl`` and ``triage_more.jsonl``, and, where ``--ordinary FILE`` names JSON Lines with a ``title``, from such titles the
rules find harmless (used: the public Toyhom/Chinese-medical-dialogue-data set, MIT; its sentences are not
kept). Writes ``data/language/screen_model.npz`` and ``screen_model.json`` with the figures of a five-fold
test. ``screen_fresh*.jsonl`` are never learned from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml
from sklearn.model_selection import StratifiedKFold

from language.linear import Linear, fit, prepare
from language.screen.engine import by_rules
from language.screen.second import MODEL
from language.triage.table import DEPARTMENTS

ROOT = Path(__file__).resolve().parents[2]
MIN_TEXTS = 2
STRENGTH = 12.0
SEED = 7
EMERGENCY = DEPARTMENTS[-1]
OWN = ("screen_cases.jsonl", "screen_batch.jsonl", "screen_more.jsonl")
COMPLAINTS = ("triage_cases.jsonl", "triage_more.jsonl")


def _nlu() -> list[str]:
    found: list[str] = []
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for item in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu", []):
            if "intent" in item:
                lines = str(item["examples"]).splitlines()
                found += [line.strip().removeprefix("- ") for line in lines if line.strip()]
    return found


def _faq() -> list[str]:
    found: list[str] = []
    for path in sorted((ROOT / "data" / "seed" / "faq").glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]:
            found += [str(text) for text in (entry["question"], *(entry.get("similar") or ()))]
    return found


def _lines(name: str) -> list[dict[str, str]]:
    text = (ROOT / "data" / "nlu_eval" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _complaints() -> list[str]:
    """Those that belong to an ordinary department."""
    rows = [row for name in COMPLAINTS for row in _lines(name)]
    return [row["text"] for row in rows if row["department"] != EMERGENCY]


def _rows(ordinary: Path | None) -> tuple[list[str], list[str], list[str]]:
    rows = [(case["text"], case["label"], "own") for name in OWN for case in _lines(name)]
    extra = [(text, "nlu") for text in _nlu()] + [(text, "faq") for text in _faq()]
    extra += [(text, "complaints") for text in _complaints()]
    if ordinary is not None:
        lines = ordinary.read_text(encoding="utf-8").splitlines()
        extra += [(json.loads(line)["title"], "titles") for line in lines if line.strip()]
    rows += [(text, "none", kind) for text, kind in dict(extra).items() if by_rules(text).verdict == "none"]
    return (
        [prepare(text) for text, _, _ in rows],
        [label for _, label, _ in rows],
        [kind for _, _, kind in rows],
    )


def _danger(model: Linear, text: str) -> float:
    return 1 - model.probabilities(text)["none"]


def _five_fold(texts: list[str], labels: list[str], kinds: list[str]) -> dict[str, Any]:
    scores = [0.0] * len(texts)
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for train, test in folds.split(texts, labels):
        model = fit(
            [texts[i] for i in train], [labels[i] for i in train], min_texts=MIN_TEXTS, strength=STRENGTH
        )
        for i in test:
            scores[i] = _danger(model, texts[i])
    report: dict[str, Any] = {}
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
        row: dict[str, float] = {}
        danger = [s for s, label in zip(scores, labels, strict=True) if label != "none"]
        row["recall"] = round(sum(s >= threshold for s in danger) / len(danger), 4)
        for kind in sorted(set(kinds)):
            calm = [s for s, lab, k in zip(scores, labels, kinds, strict=True) if lab == "none" and k == kind]
            row[f"false_alarms_{kind}"] = round(sum(s >= threshold for s in calm) / max(len(calm), 1), 4)
        report[str(threshold)] = row
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ordinary", type=Path, help="JSON Lines with a title, ordinary questions")
    parser.add_argument("--out", type=Path, default=MODEL)
    arguments = parser.parse_args()
    texts, labels, kinds = _rows(arguments.ordinary)
    report = _five_fold(texts, labels, kinds)
    model = fit(texts, labels, min_texts=MIN_TEXTS, strength=STRENGTH)
    model.save(arguments.out)
    record = {
        "made_by": "python -m language.screen.train --ordinary QUESTIONS.jsonl",
        "rows": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "labels": {label: labels.count(label) for label in sorted(set(labels))},
        "features": {"ngrams": [1, 3], "min_texts": MIN_TEXTS, "kept": len(model.grams)},
        "learner": {"kind": "logistic regression", "C": STRENGTH, "class_weight": "root of rarity"},
        "five_fold_without_rules": report,
    }
    arguments.out.with_suffix(".json").write_text(
        json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(record, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
