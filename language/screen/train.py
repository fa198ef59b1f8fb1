"""Make the screen's classifier of letters: ``python -m language.screen.train``.

Rules catch what somebody thought of; a small classifier over character n-grams catches some of the rest. It learns from
``language.screen.material`` and, where ``--ordinary FILE`` names JSON Lines with a ``title``, from such titles the rules find harmless
(used: the public Toyhom/Chinese-medical-dialogue-data set, MIT; its sentences are not kept). Writes ``data/language/screen_model.npz`` and
``screen_model.json`` with the figures of folds that hold neither a frame nor a danger's words that were learned from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from language.linear import Linear, fit, prepare
from language.screen.contrast import Made
from language.screen.material import material, titles
from language.screen.second import MODEL

MIN_TEXTS = 2
STRENGTH = 12.0
FOLDS = 3


def parts(made: Sequence[Made]) -> Iterator[tuple[list[int], list[int]]]:
    """(places learned from, places judged) of each fold: no family on both sides, and no word of the judged fold learned from."""
    for fold in range(FOLDS):
        judged = [n for n, one in enumerate(made) if one.fold(FOLDS) == fold]
        learned = [
            n
            for n, one in enumerate(made)
            if one.fold(FOLDS) != fold and (one.kind == "own" or not one.touches(fold, FOLDS))
        ]
        yield learned, judged


def letters_of(made: Sequence[Made]) -> Linear:
    """The classifier learned from ``made``."""
    texts, labels = [prepare(one.text) for one in made], [one.label for one in made]
    return fit(texts, labels, min_texts=MIN_TEXTS, strength=STRENGTH)


def danger(model: Linear, text: str) -> float:
    """Its probability of danger for a text."""
    return 1 - model.probabilities(prepare(text))["none"]


def _report(made: Sequence[Made]) -> dict[str, dict[str, float]]:
    scores = np.zeros(len(made))
    for learned, judged in parts(made):
        model = letters_of([made[n] for n in learned])
        scores[judged] = [danger(model, made[n].text) for n in judged]
    return {str(threshold): _at(threshold, scores, made) for threshold in (0.5, 0.75, 0.9)}


def _at(threshold: float, scores: NDArray[np.float64], made: Sequence[Made]) -> dict[str, float]:
    row: dict[str, float] = {}
    for kind in sorted({one.kind for one in made}):
        for name, of_danger in (("recall", True), ("false_alarms", False)):
            places = [
                n for n, one in enumerate(made) if one.kind == kind and (one.label != "none") == of_danger
            ]
            if places:
                row[f"{name}_{kind}"] = round(float((scores[places] >= threshold).mean()), 4)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ordinary", type=Path, help="JSON Lines with a title, ordinary questions")
    parser.add_argument("--out", type=Path, default=MODEL)
    arguments = parser.parse_args()
    made = material()
    if arguments.ordinary is not None:
        made += titles(arguments.ordinary)
    report = _report(made)
    model = letters_of(made)
    model.save(arguments.out)
    record = {
        "made_by": "python -m language.screen.train --ordinary QUESTIONS.jsonl",
        "rows": counted(one.kind for one in made),
        "labels": counted(one.label for one in made),
        "features": {"ngrams": [1, 3], "min_texts": MIN_TEXTS, "kept": len(model.grams)},
        "learner": {"kind": "logistic regression", "C": STRENGTH, "class_weight": "root of rarity"},
        "folds_without_rules": report,
    }
    arguments.out.with_suffix(".json").write_text(
        json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(record, ensure_ascii=False, indent=1))


def counted(names: Iterator[str]) -> dict[str, int]:
    """How often each name comes."""
    held = list(names)
    return {name: held.count(name) for name in sorted(set(held))}


if __name__ == "__main__":
    main()
