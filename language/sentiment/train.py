"""Make the judge of moods: `python -m language.sentiment.train --models var/models`.

Learns from `data/language/sentiment_comments.jsonl` (survey comments written for this by hand) and the project's own utterances
of `data/nlu`: a third of `complain` as angry, `thank` as happy, one
of every `EVERY` others as neutral.
`data/nlu_eval/sentiment_held_out.jsonl` is never learned from. Writes the two models and `sentiment_model.json` with the figures
of a five-fold test over the comments (the utterances always learn).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from language.embed import Embedder
from language.linear import Linear, fit, prepare
from language.sentiment.judge import FOLDER, MOODS, SENTENCE, WORDS, judged, mix

ROOT = Path(__file__).resolve().parents[2]
COMMENTS = FOLDER / "sentiment_comments.jsonl"
RECORD = FOLDER / "sentiment_model.json"
EVERY = 40
OURS = {"complain": ("angry", "complain", 3), "thank": ("happy", "thank", 1)}
"""Mood, name in the record, and every how many-th is taken: there are more complaints than comments of any mood."""
STRENGTH, SENTENCE_STRENGTH, MIN_TEXTS, SEED = 8.0, 10.0, 1, 7


def rows() -> list[tuple[str, str, str]]:
    """(text, mood, where from)."""
    lines = COMMENTS.read_text("utf-8").splitlines()
    found = [(row["text"], row["sentiment"], "comments") for row in map(json.loads, lines)]
    seen: Counter[str] = Counter()
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for item in yaml.safe_load(path.read_text("utf-8")).get("nlu", []):
            for line in str(item.get("examples", "")).splitlines():
                intent, text = str(item.get("intent", "")), line.strip().removeprefix("- ")
                if not text or not intent:
                    continue
                mood, kind, every = OURS.get(intent, ("neutral", "other", EVERY))
                seen[kind] += 1
                if seen[kind] % every == 0:
                    found.append((text, mood, kind))
    return found


def learn(
    texts: list[str], vectors: NDArray[np.float32], moods: list[str]
) -> tuple[Linear, NDArray[np.float64], NDArray[np.float64]]:
    words = fit([prepare(text) for text in texts], moods, min_texts=MIN_TEXTS, strength=STRENGTH)
    assert tuple(words.classes) == MOODS
    model = LogisticRegression(C=SENTENCE_STRENGTH, max_iter=500, class_weight="balanced").fit(vectors, moods)
    return words, model.coef_, model.intercept_


def _five_fold(found: list[tuple[str, str, str]], vectors: NDArray[np.float32]) -> dict[str, float]:
    comments = [n for n, row in enumerate(found) if row[2] == "comments"]
    others = [n for n, row in enumerate(found) if row[2] != "comments"]
    right = caught = called = upset = calm = 0
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for train, test in folds.split(comments, [found[n][1] for n in comments]):
        chosen = [comments[n] for n in train] + others
        learned = learn([found[n][0] for n in chosen], vectors[chosen], [found[n][1] for n in chosen])
        for n in (comments[n] for n in test):
            by_words = learned[0].probabilities(prepare(found[n][0]))
            scores = np.log([max(by_words[mood], 1e-9) for mood in MOODS])
            got = judged(mix(scores, learned[1] @ vectors[n] + learned[2]))
            right += got.mood == found[n][1]
            if found[n][1] == "angry":
                upset, caught = upset + 1, caught + got.complaint
            elif found[n][1] in ("neutral", "happy"):
                calm, called = calm + 1, called + got.complaint
    return {
        "accuracy": round(right / len(comments), 3),
        "complaint_recall": round(caught / upset, 3),
        "false_complaints": round(called / calm, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=ROOT / "var" / "models")
    arguments = parser.parse_args()
    embedder = Embedder(arguments.models / "sentence-onnx", threads=2)
    found = rows()
    texts, moods = [row[0] for row in found], [row[1] for row in found]
    vectors = embedder.embed(texts)
    words, weights, bias = learn(texts, vectors, moods)
    words.save(WORDS)
    np.savez_compressed(SENTENCE, weights=weights.astype(np.float16), bias=bias.astype(np.float32))
    record: dict[str, Any] = {
        "made_by": "python -m language.sentiment.train --models var/models",
        "sentence_model": embedder.weights,
        "rows": {
            kind: sum(row[2] == kind for row in found) for kind in ("comments", "complain", "thank", "other")
        },
        "moods": {mood: moods.count(mood) for mood in MOODS},
        "learner": {
            "words": {"ngrams": [1, 3], "C": STRENGTH, "kept": len(words.grams)},
            "sentence": {"C": SENTENCE_STRENGTH, "dim": int(vectors.shape[1])},
        },
        "five_fold_on_comments": _five_fold(found, vectors),
    }
    RECORD.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps(record, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
