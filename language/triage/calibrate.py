"""Make triage's confidence mean what it says: `python -m language.triage.calibrate`.

The chance that the first department is right is a logistic, rising function of the raw confidence. Its level is fitted on
`triage_fresh.jsonl` and `triage_fresh2.jsonl` in `data/nlu_eval`, which the table and the models were not made from; how steeply it
rises on these and on `triage_cases.jsonl`, which was mended by and would flatter the level: a dozen mistakes tell no slope.
Writes `data/language/triage_calibration.json` with the error before and after, by ten-fold cross-validation of the level.
Thresholds of the conversation stay on the raw value, so that no decision changes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import exp
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRESH = ("triage_fresh.jsonl", "triage_fresh2.jsonl")
GUARD = ROOT / "data" / "nlu_eval" / "triage_cases.jsonl"
TARGET = ROOT / "data" / "language" / "triage_calibration.json"
FOLDS, SEED, STRENGTH = 10, 7, 1.0


@lru_cache(maxsize=1)
def _fitted() -> tuple[float, float]:
    read = json.loads(TARGET.read_text("utf-8"))
    return float(read["slope"]), float(read["intercept"])


def likely(confidence: float) -> float:
    """The chance that the first department is right; 0 where none is named. Rises with `confidence`."""
    if confidence <= 0:
        return 0.0
    slope, intercept = _fitted()
    return 1 / (1 + exp(-(slope * confidence + intercept)))


def main() -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold

    from language.embed import Embedder
    from language.triage import triage

    ear = Embedder(ROOT / "var" / "models" / "sentence-onnx")

    sets = ROOT / "data" / "nlu_eval"
    rows = [json.loads(line) for name in FRESH for line in (sets / name).read_text("utf-8").splitlines()]
    advice = [(triage(row["text"], ear=ear), row["department"]) for row in rows]
    named = [(one.confidence, one.departments[0].name == wanted) for one, wanted in advice if one.departments]
    raw = np.array([[confidence] for confidence, _ in named])
    right = np.array([hit for _, hit in named])

    guard = [json.loads(line) for line in GUARD.read_text("utf-8").splitlines()]
    seen = [(triage(row["text"], ear=ear), row["department"]) for row in guard]
    scored = [(one.confidence, one.departments[0].name == wanted) for one, wanted in seen if one.departments]
    scored += named
    steep = LogisticRegression(C=STRENGTH).fit([[value] for value, _ in scored], [hit for _, hit in scored])
    rising = max(0.0, float(steep.coef_[0][0]))

    def fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """The level at which the mean is the share that was right (by bisection)."""
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            if float(np.mean(1 / (1 + np.exp(-(rising * x[:, 0] + middle))))) < float(y.mean()):
                low = middle
            else:
                high = middle
        return rising, low

    held = np.zeros(len(named))
    for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(raw):
        slope, intercept = fit(raw[train], right[train])
        held[test] = 1 / (1 + np.exp(-(slope * raw[test, 0] + intercept)))
    slope, intercept = fit(raw, right)
    record = {
        "made_by": "python -m language.triage.calibrate",
        "rows": len(rows),
        "named": len(named),
        "right": round(float(right.mean()), 3),
        "slope": slope,
        "intercept": intercept,
        "brier_before": round(float(np.mean((raw[:, 0] - right) ** 2)), 4),
        "brier_cross_validated": round(float(np.mean((held - right) ** 2)), 4),
        "mean_gap_before": round(float(abs(raw[:, 0].mean() - right.mean())), 4),
        "mean_gap_cross_validated": round(float(abs(held.mean() - right.mean())), 4),
    }
    TARGET.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
