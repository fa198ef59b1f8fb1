"""The two-stage intent model: character n-grams first, the sentence embedding only when they are unsure.

Stage one is a logistic regression over TF-IDF of character n-grams (about 0.1 ms a message). Stage two is one
over the same features beside the standardised sentence embedding (3 ms more on one thread). Both give
calibrated probabilities: a temperature is fitted to out-of-fold predictions, and so is the confidence from
which stage one may answer alone. Plain numpy arrays, saved as ``.npz`` and ``.json``: loading runs no code.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold

_SPACE = re.compile(r"\s+")
_LONGEST_TEXT = 400  # characters of a message that count towards its n-grams
_SEED = 20


@dataclass(frozen=True)
class Settings:
    """How the model is trained. ``accuracy_cost`` is the share of messages that stage one, answering alone,
    may get wrong beyond what stage two would (out of fold)."""

    min_ngram: int = 1
    max_ngram: int = 3
    min_count: int = 2
    strength: float = 20.0  # inverse of the regularisation, sklearn's C
    dense_weight: float = 1.0  # best at 10, 40 and 100 examples an intent, in folds of data/nlu
    folds: int = 3
    accuracy_cost: float = 0.003
    max_iterations: int = 200


@dataclass(frozen=True)
class Calibration:
    """What the out-of-fold predictions taught."""

    scale_one: float = 1.0  # logits are multiplied by it before the softmax
    scale_two: float = 1.0
    sure: float = 0.9  # stage one answers alone from this confidence on
    accuracy_one: float | None = None
    accuracy_two: float | None = None
    answered_by_one: float | None = None


@dataclass
class _Layer:
    """Weights ``[features, intents]`` and bias ``[intents]`` of one logistic regression."""

    weights: np.ndarray
    bias: np.ndarray


class CharacterFeatures:
    """TF-IDF of character n-grams (sublinear counts, length 1), as sklearn's TfidfVectorizer does it."""

    def __init__(self, vocabulary: dict[str, int], idf: np.ndarray, smallest: int, largest: int) -> None:
        self.vocabulary = vocabulary
        self.idf = idf
        self._sizes = range(smallest, largest + 1)

    @classmethod
    def learn(cls, texts: Sequence[str], settings: Settings) -> CharacterFeatures:
        """The n-grams found in at least ``min_count`` texts, with their inverse document frequencies."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_ngrams(text, range(settings.min_ngram, settings.max_ngram + 1))))
        kept = sorted(ngram for ngram, count in counts.items() if count >= settings.min_count)
        idf = [math.log((1 + len(texts)) / (1 + counts[ngram])) + 1 for ngram in kept]
        vocabulary = {ngram: column for column, ngram in enumerate(kept)}
        return cls(vocabulary, np.asarray(idf, dtype=np.float32), settings.min_ngram, settings.max_ngram)

    def row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Columns and values of one text."""
        known = (self.vocabulary.get(ngram) for ngram in _ngrams(text, self._sizes))
        counts = Counter(column for column in known if column is not None)
        columns = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        values = 1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
        values = (values * self.idf[columns]).astype(np.float32)
        length = float(np.sqrt((values**2).sum()))
        return columns, values / length if length else values

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """Sparse float32 ``[len(texts), len(vocabulary)]``."""
        rows = [self.row(text) for text in texts]
        starts = np.cumsum([0] + [len(columns) for columns, _ in rows])
        columns = np.concatenate([columns for columns, _ in rows] or [np.empty(0, dtype=np.int64)])
        values = np.concatenate([values for _, values in rows] or [np.empty(0, dtype=np.float32)])
        return csr_matrix((values, columns, starts), shape=(len(texts), len(self.vocabulary)))


class IntentModel:
    """The trained model: ``predict`` gives the probabilities of ``labels``."""

    def __init__(
        self,
        labels: list[str],
        features: CharacterFeatures,
        settings: Settings,
        calibration: Calibration,
        one: _Layer,
        two: _Layer | None,
        centre: np.ndarray,
        spread: np.ndarray,
    ) -> None:
        self.labels = labels
        self.settings = settings
        self.calibration = calibration
        self._features = features
        self._one = one
        self._two = two
        self._centre = centre
        self._spread = spread

    @property
    def uses_embeddings(self) -> bool:
        """Whether a second stage was trained."""
        return self._two is not None

    def predict(self, text: str, embed: Callable[[], np.ndarray] | None) -> tuple[np.ndarray, int]:
        """Probabilities ``[intents]`` and the stage (1 or 2) that gave them.

        ``embed`` gives the message's embedding and is called only when stage one is unsure.
        """
        columns, values = self._features.row(text)
        logits = values @ self._one.weights[columns] + self._one.bias
        first = _softmax(logits[None, :] * self.calibration.scale_one)[0]
        if self._two is None or embed is None or first.max() >= self.calibration.sure:
            return first, 1
        dense = self._standardise(embed()[None, :])[0]
        split = len(self._features.vocabulary)
        logits = values @ self._two.weights[columns] + dense @ self._two.weights[split:] + self._two.bias
        return _softmax(logits[None, :] * self.calibration.scale_two)[0], 2

    def _standardise(self, dense: np.ndarray) -> np.ndarray:
        return _standardise(dense, self._centre, self._spread, self.settings)

    @classmethod
    def fit(
        cls, texts: Sequence[str], intents: Sequence[str], dense: np.ndarray | None, settings: Settings
    ) -> IntentModel:
        """Trains on texts with their intents and, if given, their embeddings float32 ``[texts, dim]``.

        Raises ValueError for fewer than two different intents.
        """
        labels = sorted(set(intents))
        if len(labels) < 2:
            raise ValueError("at least two intents with examples are needed")
        target = np.searchsorted(labels, intents)
        features = CharacterFeatures.learn(texts, settings)
        sparse = features.matrix(texts)
        centre = spread = np.empty(0, dtype=np.float32)
        standard: np.ndarray | None = None
        if dense is not None:
            centre, spread = dense.mean(axis=0), dense.std(axis=0) + 1e-6
            standard = _standardise(dense, centre, spread, settings)
        calibration = _calibrate(sparse, standard, target, settings)
        one = _regression(sparse, None, target, settings)
        two = None if standard is None else _regression(sparse, standard, target, settings)
        return cls(labels, features, settings, calibration, one, two, centre, spread)

    def save(self, folder: Path) -> None:
        """Writes ``intent_model.npz`` and ``intent_model.json`` into ``folder``."""
        arrays = {"idf": self._features.idf, "centre": self._centre, "spread": self._spread}
        arrays.update(one_weights=self._one.weights, one_bias=self._one.bias)
        if self._two is not None:
            arrays.update(two_weights=self._two.weights, two_bias=self._two.bias)
        np.savez(
            folder / "intent_model.npz",
            **arrays,  # type: ignore[arg-type]
        )
        about = {
            "labels": self.labels,
            "vocabulary": list(self._features.vocabulary),
            "settings": asdict(self.settings),
            "calibration": asdict(self.calibration),
        }
        (folder / "intent_model.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Reads what :meth:`save` wrote."""
        about = json.loads((folder / "intent_model.json").read_text(encoding="utf-8"))
        settings = Settings(**about["settings"])
        with np.load(folder / "intent_model.npz", allow_pickle=False) as arrays:
            vocabulary = {ngram: column for column, ngram in enumerate(about["vocabulary"])}
            features = CharacterFeatures(vocabulary, arrays["idf"], settings.min_ngram, settings.max_ngram)
            two = _Layer(arrays["two_weights"], arrays["two_bias"]) if "two_weights" in arrays else None
            return cls(
                about["labels"],
                features,
                settings,
                Calibration(**about["calibration"]),
                _Layer(arrays["one_weights"], arrays["one_bias"]),
                two,
                arrays["centre"],
                arrays["spread"],
            )


def plain(text: str) -> str:
    """The form in which n-grams are read: NFKC, lower case, white space folded."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()[:_LONGEST_TEXT]


def _ngrams(text: str, sizes: range) -> list[str]:
    text = plain(text)
    return [text[start : start + size] for size in sizes for start in range(len(text) - size + 1)]


def _standardise(dense: np.ndarray, centre: np.ndarray, spread: np.ndarray, settings: Settings) -> np.ndarray:
    """Embeddings centred, all dimensions of equal spread, length about ``dense_weight``."""
    scaled = (dense - centre) / spread * (settings.dense_weight / math.sqrt(dense.shape[1]))
    return np.asarray(scaled, dtype=np.float32)


def _regression(
    sparse: csr_matrix, dense: np.ndarray | None, target: np.ndarray, settings: Settings
) -> _Layer:
    """Multinomial logistic regression with balanced classes and an L2 penalty, as sklearn's, solved by
    L-BFGS.

    Own, because sklearn wants one matrix: sparse and dense kept apart are six times as fast.
    """
    count, columns = sparse.shape
    classes = int(target.max()) + 1
    rows = columns + (0 if dense is None else dense.shape[1])
    share = (count / (classes * np.maximum(np.bincount(target, minlength=classes), 1))).astype(np.float32)[
        target
    ]
    truth = np.zeros((count, classes), dtype=np.float32)
    truth[np.arange(count), target] = 1
    turned = sparse.T.tocsr()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(rows + 1, classes).astype(np.float32)
        logits = sparse @ weights[:columns] + weights[rows]
        if dense is not None:
            logits += dense @ weights[columns:rows]
        probabilities = _softmax(logits)
        loss = -float((share * np.log(np.maximum(probabilities[np.arange(count), target], 1e-12))).sum())
        error = (probabilities - truth) * share[:, None]
        gradient = np.empty((rows + 1, classes), dtype=np.float64)
        gradient[:columns] = turned @ error
        if dense is not None:
            gradient[columns:rows] = dense.T @ error
        gradient[rows] = error.sum(axis=0)
        gradient[:rows] += weights[:rows] / settings.strength
        penalty = float((weights[:rows] ** 2).sum()) / (2 * settings.strength)
        return (loss + penalty) / count, gradient.ravel() / count

    start = np.zeros((rows + 1) * classes)
    limits = {"maxiter": settings.max_iterations, "maxcor": 6, "gtol": 1e-5, "ftol": 1e-6}
    solution = minimize(objective, start, method="L-BFGS-B", jac=True, options=limits)
    weights = solution.x.reshape(rows + 1, classes).astype(np.float32)
    return _Layer(np.ascontiguousarray(weights[:rows]), weights[rows].copy())


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _calibrate(
    sparse: csr_matrix, dense: np.ndarray | None, target: np.ndarray, settings: Settings
) -> Calibration:
    """Temperatures and the threshold, from predictions on texts that were left out of the training."""
    if np.bincount(target).min() < settings.folds or settings.folds < 2:
        return Calibration()  # too few examples to learn it from
    scale_one, first = _out_of_fold(sparse, None, target, settings)
    right_one = first.argmax(axis=1) == target
    result = Calibration(scale_one=scale_one, accuracy_one=float(right_one.mean()))
    if dense is None:
        return result
    scale_two, second = _out_of_fold(sparse, dense, target, settings)
    right_two = second.argmax(axis=1) == target
    confidence = first.max(axis=1)
    order = np.argsort(-confidence)
    lost = np.cumsum(right_two[order].astype(int) - right_one[order].astype(int)) / len(target)
    allowed = np.flatnonzero(lost > settings.accuracy_cost)
    count = int(allowed[0]) if len(allowed) else len(order)
    sure = float(confidence[order[count - 1]]) if count else 1.01
    return replace(
        result,
        scale_two=scale_two,
        sure=max(sure, 0.5),
        accuracy_two=float(right_two.mean()),
        answered_by_one=float((confidence >= max(sure, 0.5)).mean()),
    )


def _out_of_fold(
    sparse: csr_matrix, dense: np.ndarray | None, target: np.ndarray, settings: Settings
) -> tuple[float, np.ndarray]:
    """The scale that fits best (least log loss) and the calibrated probabilities ``[texts, intents]``."""
    logits = np.zeros((len(target), int(target.max()) + 1))
    folds = StratifiedKFold(settings.folds, shuffle=True, random_state=_SEED)
    for train, test in folds.split(target, target):
        part = None if dense is None else dense[train]
        layer = _regression(sparse[train], part, target[train], settings)
        columns = sparse.shape[1]
        logits[test] = sparse[test] @ layer.weights[:columns] + layer.bias
        if dense is not None:
            logits[test] += dense[test] @ layer.weights[columns:]
    rows = np.arange(len(target))

    def loss(log_scale: float) -> float:
        probabilities = _softmax(logits * math.exp(log_scale))[rows, target]
        return float(-np.log(np.maximum(probabilities, 1e-9)).mean())

    scale = math.exp(float(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
    return scale, _softmax(logits * scale)
