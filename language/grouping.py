"""Puts texts that ask the same into groups, by the cosine of their embeddings around the centre of patients' questions.

The algorithm is scikit-learn's agglomerative clustering with average linkage: no number of groups is asked for, two
groups grow together while the mean distance between their texts is under ``distance``. That one number is learned by
``python -m language.grouping`` on the ways of asking of the FAQ's entries (``data/seed/faq``), whose groups are
known, with held-out entries judging it; the record lies beside it in ``data/language/grouping.json``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from language.normalise import normalise
from language.private import MASK, SURNAMES, strip_private
from language.vectors import FloatArray

ROOT = Path(__file__).parents[1]
SETTINGS_FILE = ROOT / "data" / "language" / "grouping.json"
MOST = 3000
"""Texts that are compared all with all (a matrix of 72 MB); more join the group whose centre is near enough."""


@dataclass(frozen=True)
class GroupingSettings:
    """``distance``: cosine distance under which groups grow together. ``same``: cosine from which two texts of
    different entries are nearly the same question."""

    distance: float
    same: float

    @classmethod
    def load(cls, path: Path = SETTINGS_FILE) -> GroupingSettings:
        """Reads the learned numbers."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(float(content["distance"]), float(content["same"]))


_LEAD = re.compile(
    r"^(?:你好|您好|请问|医生|护士|那个|我?想?(?:问|咨询|了解)(?:一?下)?|麻烦|劳驾|喂|啊|呃|嗯|[\s，,。])+"
)
_TAIL = re.compile(r"(?:[吗么呢吧啊呀啦哦不]|谢谢你?|[\s?？!！。,，~～])+$")
_STAFF = re.compile(rf"[{SURNAMES}][\u4e00-\u9fff]{{0,2}}?(?=副?主任|医生|大夫|教授|护士长)")
_NUMBERS = re.compile(rf"[{MASK}\d]+")
ASKED = "asked1"
"""Names how ``asked`` reads; changes when it does, so that kept vectors are made anew."""


def asked(text: str) -> str:
    """What is asked, without greetings, particles, numbers and the names of staff: by these, texts that ask different things look alike."""
    plain = _NUMBERS.sub("", strip_private(normalise(text)))
    return _TAIL.sub("", _LEAD.sub("", _STAFF.sub("", plain))).strip() or text


def around(vectors: FloatArray, centre: FloatArray | None) -> FloatArray:
    """``vectors`` ``[n, dim]`` as directions from ``centre``; their dot products are centred cosines."""
    shifted = vectors - (np.zeros(vectors.shape[1], dtype=np.float32) if centre is None else centre)
    lengths = np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-6)
    return np.asarray(shifted / lengths, dtype=np.float32)


def group(directions: FloatArray, distance: float, most: int = MOST) -> npt.NDArray[np.int64]:
    """A group's number for each row of ``directions`` ``[n, dim]`` (see ``around``); put the weightiest rows first.

    Rows beyond ``most`` join the nearest group's centre if it is near enough, else each is a group of its own.
    """
    from sklearn.cluster import AgglomerativeClustering

    count = len(directions)
    if count < 2:
        return np.zeros(count, dtype=np.int64)
    head = directions[:most]
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=distance
    )
    labels = np.empty(count, dtype=np.int64)
    labels[: len(head)] = model.fit_predict(head)
    if count > most:
        found = int(labels[: len(head)].max()) + 1
        sums = np.zeros((found, directions.shape[1]), dtype=np.float32)
        np.add.at(sums, labels[: len(head)], head)
        centres = around(sums, None)
        for row in range(most, count):
            near = centres @ directions[row]
            best = int(near.argmax())
            labels[row] = best if near[best] >= 1 - distance else found
            found += int(labels[row] == found)
    return labels


def _learn(vectors: FloatArray, whole: FloatArray, owners: Sequence[str], held: set[str]) -> dict[str, Any]:
    """The distance with the best adjusted Rand index on the entries that are not ``held``, judged on those that are. ``vectors`` of
    what is asked, ``whole`` of the texts as they are, by which ``same`` is found."""
    from sklearn.metrics import adjusted_rand_score

    names = np.asarray(owners)
    aside = np.asarray([owner in held for owner in owners])

    def score(distance: float, rows: npt.NDArray[np.bool_]) -> float:
        return float(adjusted_rand_score(names[rows], group(vectors[rows], distance)))

    grid = [round(0.4 + 0.02 * step, 2) for step in range(25)]
    scores = {distance: score(distance, ~aside) for distance in grid}
    best = max(grid, key=lambda distance: scores[distance])
    alike = whole @ whole.T
    other = names[:, None] != names[None, :]
    same = float(np.quantile(alike[other], 0.99999))
    own = float(
        np.mean(
            [
                alike[i][(names == names[i]) & (np.arange(len(names)) != i)].max() >= same
                for i in range(len(names))
            ]
        )
    )
    return {
        "distance": best,
        "same": round(same, 3),
        "record": {
            "texts": len(owners),
            "entries": len(set(owners)),
            "adjusted_rand_learned_on": round(scores[best], 3),
            "adjusted_rand_held_out_entries": round(score(best, aside), 3),
            "groups_held_out": len(set(group(vectors[aside], best).tolist())),
            "entries_held_out": len(held),
            "by_distance": {str(distance): round(scores[distance], 3) for distance in grid[::3]},
            "same_is": "cosine that 1 in 100,000 pairs of different entries' texts reach",
            "texts_with_one_of_their_own_as_near": round(own, 3),
        },
    }


def main() -> None:
    """Learns the numbers anew and writes them."""
    import yaml

    from language.embed import Embedder
    from language.retrieve import load_centre

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "var" / "models" / "sentence-onnx")
    parser.add_argument("--out", type=Path, default=SETTINGS_FILE)
    chosen = parser.parse_args()
    pairs = [
        (str(entry["id"]), text)
        for path in sorted((ROOT / "data" / "seed" / "faq").glob("*.yml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]
        for text in [entry["question"], *entry["similar"]]
    ]
    embedder = Embedder(chosen.model)
    centre = load_centre(embedder.weights)
    vectors, whole = (
        around(embedder.embed([read(text) for _, text in pairs], "query"), centre)
        for read in (asked, normalise)
    )
    owners = [owner for owner, _ in pairs]
    held = set(sorted(set(owners))[::4])
    result = _learn(vectors, whole, owners, held)
    result["weights"] = embedder.weights
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(chosen.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
