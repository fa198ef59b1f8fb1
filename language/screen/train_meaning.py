"""Make the screen's ear for meaning: ``python -m language.screen.train_meaning`` (after ``language.screen.train``).

A support-vector machine with a Gaussian kernel over the sentence embeddings of the project's own labelled sentences (those the model of
letters learns from), of what the rules find harmless of ``data/nlu``, the seeded FAQ and the complaints for departments, and of the
sentences of ``data/language/screen/calm.yml``. A logistic curve over its decision and the letters' log-odds, both out of five folds,
makes a probability; the alarm's threshold is the lowest at which the folds' own ordinary sentences raise few false alarms. Nothing of
``screen_fresh*.jsonl`` is learned from or chosen by.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from language.linear import fit, prepare
from language.normalise import normalise
from language.screen import train
from language.screen.engine import by_rules
from language.screen.lexicon import DATA
from language.screen.meaning import MODEL, RECORD, logit

FOLDS, SEED = 5, 7
STRENGTH, GAMMA, HEAVIER = 10.0, 1.0, 2.0
"""C and gamma of the machine, and how much a danger weighs more than an ordinary sentence."""
FALSE_ALARMS = 0.015
"""Of the hard ordinary sentences and the complaints for ordinary departments in the folds, at the alarm's threshold."""
OVERLOOKED = 0.01
"""Of the dangers, those whose letters are so calm that the embedding is not asked for."""


def calm() -> list[str]:
    """The ordinary sentences of ``calm.yml``, but those of the sets that judge."""
    judging = {
        case["text"]
        for path in (train.ROOT / "data" / "nlu_eval").glob("screen_fresh*.jsonl")
        for case in train._lines(path.name)
    }
    made: list[str] = []
    for block in yaml.safe_load((DATA / "calm.yml").read_text("utf-8")):
        every = ["".join(str(part) for part in one) for one in itertools.product(*block["parts"])]
        made += [
            every[int(place)] for place in np.linspace(0, len(every) - 1, min(block["take"], len(every)))
        ]
    return [text for text in dict.fromkeys(made) if text not in judging]


def rows() -> list[tuple[str, str, str]]:
    """(text, label, kind) of what is learned from."""
    own = [(case["text"], case["label"], "own") for name in train.OWN for case in train._lines(name)]
    extra = [(text, "calm") for text in calm()] + [(text, "nlu") for text in train._nlu()]
    extra += [(text, "faq") for text in train._faq()]
    extra += [(text, "complaints") for text in train._complaints()]
    known = {text for text, _, _ in own}
    calm_ones = [(text, "none", kind) for text, kind in dict(extra).items() if text not in known]
    return own + [one for one in calm_ones if by_rules(one[0]).verdict == "none"]


def _machine() -> Any:
    from sklearn.svm import SVC

    return SVC(C=STRENGTH, gamma=GAMMA, class_weight={1: HEAVIER, 0: 1})


def main() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    from language.embed import Embedder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=train.ROOT / "var" / "models" / "sentence-onnx")
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    data = rows()
    texts, labels = [text for text, _, _ in data], np.array([label for _, label, _ in data])
    kinds = np.array([kind for _, _, kind in data])
    embedder = Embedder(options.model, threads=2)
    vectors = embedder.embed([normalise(text) for text in texts])
    centre = vectors.mean(axis=0)
    seen = vectors - centre
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6)
    danger = (labels != "none").astype(int)
    prepared = [prepare(text) for text in texts]

    decisions, letters = np.zeros(len(texts)), np.zeros(len(texts))
    for learned, held in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(seen, danger):
        decisions[held] = _machine().fit(seen[learned], danger[learned]).decision_function(seen[held])
        model = fit(
            [prepared[n] for n in learned],
            [str(labels[n]) for n in learned],
            min_texts=train.MIN_TEXTS,
            strength=train.STRENGTH,
        )
        letters[held] = [1 - model.probabilities(prepared[n])["none"] for n in held]
    both = np.stack([decisions, [logit(one) for one in letters]], axis=1)
    curve = LogisticRegression(C=100.0).fit(both, danger)
    scores = curve.predict_proba(both)[:, 1]
    ordinary = (danger == 0) & np.isin(kinds, ("own", "calm", "complaints"))
    alarm = float(np.quantile(scores[ordinary], 1 - FALSE_ALARMS))
    doubt = float(np.quantile(letters[danger == 1], OVERLOOKED))

    machine = _machine().fit(seen, danger)
    kind = LogisticRegression(C=10.0, max_iter=1000).fit(seen[danger == 1], labels[danger == 1] == "crisis")
    np.savez_compressed(
        options.out,
        near=machine.support_vectors_.astype(np.float16),
        pull=machine.dual_coef_[0].astype(np.float32),
        centre=centre.astype(np.float32),
        gamma=GAMMA,
        bias=float(machine.intercept_[0]),
        slope=curve.coef_[0].astype(np.float32),
        level=float(curve.intercept_[0]),
        crisis=np.append(kind.coef_[0], kind.intercept_[0]).astype(np.float32),
        weights=embedder.weights,
    )
    at = {
        str(share): {
            "recall": round(float((scores[danger == 1] >= share).mean()), 4),
            "false_alarms_hard": round(float((scores[ordinary] >= share).mean()), 4),
            "false_alarms_all": round(float((scores[danger == 0] >= share).mean()), 4),
        }
        for share in (round(alarm, 3), 0.3, 0.5, 0.7, 0.9)
    }
    record = {
        "made_by": "python -m language.screen.train_meaning",
        "alarm": round(alarm, 4),
        "doubt": round(doubt, 4),
        "asked_of_ordinary": round(float((letters[danger == 0] >= doubt).mean()), 4),
        "rows": {str(name): int((kinds == name).sum()) for name in sorted(set(kinds))},
        "dangers": int(danger.sum()),
        "support_vectors": len(machine.support_vectors_),
        "learner": {"kind": "SVM, Gaussian kernel", "C": STRENGTH, "gamma": GAMMA, "danger_weighs": HEAVIER},
        "five_fold_without_rules": at,
        "sentence_model": embedder.version,
    }
    RECORD.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps(record, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
