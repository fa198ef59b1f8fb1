"""Figures of a set of labelled cases. Pure; the counting is scikit-learn's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

WORST = 40
BINS = 10
NOTHING = "（无）"
"""Stands for "no label": a question no entry answers, a text without a time."""


@dataclass(frozen=True, slots=True)
class Case:
    """One text: what it is, what was understood, how sure (0..1, None: it does not say), and the part of the set it is in.

    `ranked` are the answers in order where several are given; `got` is the first.
    """

    text: str
    wanted: str
    got: str
    confidence: float | None = None
    group: str = ""
    ranked: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return self.wanted == self.got


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: of those it was said of, how many rightly (precision); of those it is, how many found (recall)."""

    label: str
    precision: float
    recall: float
    f1: float
    cases: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of like confidence: how sure it was and how often it was right."""

    confidence: float
    accuracy: float
    cases: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A set's figures. `numbers` are named and 0..1 (or counts); `worst` the most confident mistakes first."""

    name: str
    numbers: dict[str, float]
    labels: tuple[LabelFigures, ...] = ()
    confusion: tuple[tuple[str, str, int], ...] = ()
    reliability: tuple[Bin, ...] = ()
    worst: tuple[Case, ...] = ()
    groups: dict[str, dict[str, float]] = field(default_factory=dict)


def classified(name: str, cases: Sequence[Case]) -> Evaluation:
    """Accuracy, macro-F1, calibration, confusions. Raises `ValueError` for an empty set."""
    if not cases:
        raise ValueError(f"{name}: there is not one case to judge by")
    wanted, got = [case.wanted for case in cases], [case.got for case in cases]
    labels = sorted(set(wanted))
    precision, recall, f1, support = precision_recall_fscore_support(
        wanted, got, labels=labels, zero_division=0.0
    )
    numbers = {
        "cases": float(len(cases)),
        "accuracy": float(accuracy_score(wanted, got)),
        "macro_f1": float(np.mean(f1)),
    }
    if any(case.ranked for case in cases):
        for k in (3,):
            numbers[f"top_{k}"] = float(np.mean([case.wanted in case.ranked[:k] for case in cases]))
    reliability = calibration(cases)
    if reliability:
        numbers["calibration_error"] = expected_error(reliability)
    return Evaluation(
        name,
        numbers,
        tuple(
            LabelFigures(label, float(p), float(r), float(f), int(n))
            for label, p, r, f, n in zip(labels, precision, recall, f1, support, strict=True)
        ),
        confusions(cases),
        reliability,
        worst(cases),
        by_group(cases),
    )


def calibration(cases: Sequence[Case], bins: int = BINS) -> tuple[Bin, ...]:
    """Cases in bins of equal width by confidence; empty bins are left out."""
    sure = [case for case in cases if case.confidence is not None]
    held: dict[int, list[Case]] = defaultdict(list)
    for case in sure:
        assert case.confidence is not None
        held[min(bins - 1, int(max(0.0, min(1.0, case.confidence)) * bins))].append(case)
    return tuple(
        Bin(
            float(np.mean([case.confidence or 0.0 for case in held[n]])),
            float(np.mean([case.right for case in held[n]])),
            len(held[n]),
        )
        for n in sorted(held)
    )


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy, weighted by cases (Guo et al. 2017)."""
    total = sum(one.cases for one in bins)
    return sum(one.cases * abs(one.confidence - one.accuracy) for one in bins) / total


def confusions(cases: Sequence[Case]) -> tuple[tuple[str, str, int], ...]:
    """(what it is, what was understood, how often), mistakes only, the commonest first."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for case in cases:
        if not case.right:
            counted[case.wanted, case.got] += 1
    return tuple(
        (wanted, got, n) for (wanted, got), n in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    )


def worst(cases: Sequence[Case], limit: int = WORST) -> tuple[Case, ...]:
    """The mistakes it was surest of."""
    wrong = [case for case in cases if not case.right]
    return tuple(sorted(wrong, key=lambda case: -(case.confidence or 0.0))[:limit])


def by_group(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Accuracy of each part of the set; empty when it has no parts."""
    parts: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.group:
            parts[case.group].append(case)
    return {
        name: {"cases": float(len(held)), "accuracy": float(np.mean([case.right for case in held]))}
        for name, held in sorted(parts.items())
    }
