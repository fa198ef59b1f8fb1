"""Make the screen's ear for meaning: ``python -m language.screen.train_meaning`` (after ``language.screen.train``).

A support-vector machine with a Gaussian kernel over the sentence embeddings of ``language.screen.material``. A logistic curve over its
decision and the letters' log-odds, both out of folds that share neither frames nor a danger's words with what was learned from, makes
a probability. Three thresholds come from the same folds: ``alarm``, from which a text no rule fires on is a danger (``FALSE_ALARMS``),
and per verdict ``calm``, under which a rule's alarm may be taken back where the sentence has the words of a frame (``LOST``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from language.embed import Embedder
from language.normalise import normalise
from language.screen.contrast import Made
from language.screen.engine import ScreenResult, by_rules
from language.screen.frame import frame
from language.screen.material import ROOT, material
from language.screen.meaning import MODEL, RECORD, FloatArray, logit
from language.screen.prepare import prepare
from language.screen.second import heeds
from language.screen.train import counted, danger, letters_of, parts

STRENGTH, GAMMA, HEAVIER = 10.0, 1.0, 2.0
"""C and gamma of the machine, and how much a danger weighs more than an ordinary sentence."""
FALSE_ALARMS = 0.035
"""Of the hard ordinary sentences and the complaints for ordinary departments in the folds, at the alarm's threshold."""
LOST = 0.005
"""Of the dangers a rule fires on in the folds, how many may be taken back."""
OVERLOOKED = 0.005
"""Of the dangers, those whose letters are so calm that the embedding is not asked for."""
HARD = frozenset({"own", "calm", "contrast", "complaints"})


@dataclass(frozen=True)
class _Learned:
    machine: Any
    centre: FloatArray


def _learn(vectors: FloatArray, dangers: FloatArray) -> _Learned:
    from sklearn.svm import SVC

    centre = vectors.mean(axis=0)
    machine = SVC(C=STRENGTH, gamma=GAMMA, class_weight={1: HEAVIER, 0: 1})
    return _Learned(machine.fit(_directions(vectors, centre), dangers), centre)


def _directions(vectors: FloatArray, centre: FloatArray) -> FloatArray:
    shifted = vectors - centre
    return np.asarray(shifted / np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-6))


def _unseen(made: Sequence[Made], vectors: FloatArray, dangers: FloatArray) -> NDArray[np.float64]:
    """(decision, letters' log-odds) ``[n, 2]`` of each sentence by models that know neither its frame nor its words."""
    seen = np.zeros((len(made), 2))
    for learned, judged in parts(made):
        ear = _learn(vectors[learned], dangers[learned])
        seen[judged, 0] = ear.machine.decision_function(_directions(vectors[judged], ear.centre))
        model = letters_of([made[n] for n in learned])
        seen[judged, 1] = [logit(danger(model, made[n].text)) for n in judged]
    return seen


def _calm(
    found: Sequence[ScreenResult], made: Sequence[Made], scores: NDArray[np.float64]
) -> dict[str, float]:
    """Per verdict: the score under which ``LOST`` of the dangers its rules fire on are, of those with a frame's words."""
    limits: dict[str, float] = {}
    for verdict in ("emergency", "crisis"):
        places = [n for n, one in enumerate(made) if one.label != "none" and found[n].verdict == verdict]
        framed = sorted(
            scores[n] for n in places if heeds(found[n].rule) and frame(prepare(made[n].text)) is not None
        )
        limits[f"calm_{verdict}"] = float(framed[int(LOST * len(places))])
    return limits


def main() -> None:
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "var" / "models" / "sentence-onnx")
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    made = material()
    embedder = Embedder(options.model, threads=2)
    vectors = embedder.embed([normalise(one.text) for one in made])
    labels, kinds = np.array([one.label for one in made]), np.array([one.kind for one in made])
    dangers = (labels != "none").astype(np.float32)
    seen = _unseen(made, vectors, dangers)
    curve = LogisticRegression(C=100.0).fit(seen, dangers)
    scores = curve.predict_proba(seen)[:, 1]
    found = [by_rules(one.text) for one in made]
    hard = np.array([one.kind in HARD and found[n].verdict == "none" for n, one in enumerate(made)])
    letters = 1 / (1 + np.exp(-seen[:, 1]))
    limits = {
        "alarm": float(np.quantile(scores[hard & (dangers == 0)], 1 - FALSE_ALARMS)),
        "doubt": float(np.quantile(letters[dangers == 1], OVERLOOKED)),
        **_calm(found, made, scores),
    }
    ear = _learn(vectors, dangers)
    seen_as = _directions(vectors, ear.centre)
    kind = LogisticRegression(C=10.0, max_iter=1000).fit(
        seen_as[dangers == 1], labels[dangers == 1] == "crisis"
    )
    near = ear.machine.support_vectors_
    step = float(np.abs(near).max()) / 127
    np.savez_compressed(
        options.out,
        near=np.round(near / step).astype(np.int8),
        step=step,
        pull=ear.machine.dual_coef_[0].astype(np.float32),
        centre=ear.centre.astype(np.float32),
        gamma=GAMMA,
        bias=float(ear.machine.intercept_[0]),
        slope=curve.coef_[0].astype(np.float32),
        level=float(curve.intercept_[0]),
        crisis=np.append(kind.coef_[0], kind.intercept_[0]).astype(np.float32),
        weights=embedder.weights,
    )
    record = {
        "made_by": "python -m language.screen.train_meaning",
        **{name: round(value, 5) for name, value in limits.items()},
        "asked_of_ordinary": round(float((letters[dangers == 0] >= limits["doubt"]).mean()), 4),
        "rows": counted(one.kind for one in made),
        "dangers": int(dangers.sum()),
        "support_vectors": len(near),
        "learner": {"kind": "SVM, Gaussian kernel", "C": STRENGTH, "gamma": GAMMA, "danger_weighs": HEAVIER},
        "folds_without_rules": {
            str(share): _at(share, scores, dangers, kinds)
            for share in (round(limits["alarm"], 3), 0.3, 0.5, 0.9)
        },
        "sentence_model": embedder.version,
    }
    RECORD.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps(record, ensure_ascii=False, indent=1))


def _at(share: float, scores: NDArray[np.float64], dangers: FloatArray, kinds: Any) -> dict[str, float]:
    hit = scores >= share
    row: dict[str, float] = {}
    for name in sorted(set(kinds)):
        for of_danger, what in ((1, "recall"), (0, "false_alarms")):
            chosen = (kinds == name) & (dangers == of_danger)
            if chosen.any():
                row[f"{what}_{name}"] = round(float(hit[chosen].mean()), 4)
    return row


if __name__ == "__main__":
    main()
