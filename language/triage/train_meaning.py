"""Make the part of department advice that goes by meaning: ``python -m language.triage.train_meaning``.

A logistic regression over the sentence embeddings of the project's own labelled complaints (``triage_cases.jsonl`` and
``triage_more.jsonl`` in ``data/nlu_eval``) and, as what is no complaint, of utterances of ``data/nlu`` that want something else.
``triage_fresh*.jsonl`` are never learned from. Writes ``data/language/triage_meaning.npz`` and, beside it, the record with a five-fold
test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import yaml

from language.normalise import normalise
from language.triage.meaning import MODEL, NO_COMPLAINT

ROOT = Path(__file__).resolve().parents[2]
OWN = ("triage_cases.jsonl", "triage_more.jsonl")
STRENGTH, FOLDS, SEED = 30.0, 5, 7
COMPLAINING = (
    "describe_symptom",
    "find_department",
    "book_appointment",
    "ask_health",
    "ask_medication",
    "ask_doctor",
)
"""Intents whose utterances may tell of a complaint or name a department: not learned from."""
OTHERS_EACH = 25
"""Utterances of each other intent."""


def _file(name: str) -> Path:
    return ROOT / "data" / "nlu_eval" / name


def rows() -> list[tuple[str, str]]:
    """(complaint, department), each complaint once."""
    found: dict[str, str] = {}
    for name in OWN:
        for line in _file(name).read_text("utf-8").splitlines():
            row = json.loads(line)
            found.setdefault(str(row["text"]), str(row["department"]))
    return list(found.items())


def others() -> list[tuple[str, str]]:
    """(utterance, ``NO_COMPLAINT``), evenly spread over each intent's."""
    found: list[str] = []
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8"))["nlu"]:
            if block.get("intent") not in COMPLAINING:
                lines = [line.removeprefix("- ") for line in str(block["examples"]).splitlines()]
                found += [lines[int(n)] for n in np.linspace(0, len(lines) - 1, min(OTHERS_EACH, len(lines)))]
    return [(text, NO_COMPLAINT) for text in found]


def main() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    from language.embed import Embedder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "var" / "models" / "sentence-onnx")
    options = parser.parse_args()
    data = rows() + others()
    names = np.array([name for _, name in data])
    embedder = Embedder(options.model, threads=2)
    vectors = embedder.embed([normalise(text) for text, _ in data])
    centre = vectors.mean(axis=0)
    seen = vectors - centre
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6)
    first: list[bool] = []
    three: list[bool] = []
    calm: list[bool] = []
    for learned, held in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(seen, names):
        model = LogisticRegression(C=STRENGTH, max_iter=2000).fit(seen[learned], names[learned])
        order = np.argsort(-model.predict_proba(seen[held]), axis=1)
        best = model.classes_[order]
        hits = [(name, list(row[:3])) for name, row in zip(names[held], best, strict=True)]
        first += [row[0] == name for name, row in hits if name != NO_COMPLAINT]
        three += [name in row for name, row in hits if name != NO_COMPLAINT]
        calm += [row[0] == NO_COMPLAINT for name, row in hits if name == NO_COMPLAINT]
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit(seen, names)
    np.savez_compressed(
        MODEL,
        names=model.classes_.astype(str),
        coefficients=model.coef_.astype(np.float16),
        intercepts=model.intercept_.astype(np.float32),
        centre=centre.astype(np.float32),
        weights=embedder.weights,
    )
    record = {
        "made_by": "python -m language.triage.train_meaning",
        "data": {name: hashlib.sha256(_file(name).read_bytes()).hexdigest() for name in OWN},
        "rows": len(data),
        "no_complaint": int((names == NO_COMPLAINT).sum()),
        "departments": len(model.classes_) - 1,
        "learner": {"kind": "logistic regression over embeddings", "C": STRENGTH},
        "five_fold_without_table": {
            "top_1": round(float(np.mean(first)), 4),
            "top_3": round(float(np.mean(three)), 4),
            "no_complaint_known": round(float(np.mean(calm)), 4),
        },
        "sentence_model": embedder.version,
    }
    MODEL.with_suffix(".json").write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps(record, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
