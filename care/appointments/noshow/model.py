"""The model itself, pure: factors, fitting, judging by a split in time, and why a visit is likely to be missed.

Logistic regression: each factor adds to the log-odds, so that the reason can be said in words. No diagnosis, department, sex, address or
name is a factor; nothing of health is. Whether the patient confirmed is not one either: the score is there to decide who is asked
before anybody has answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from sklearn.linear_model import LogisticRegression

from care.appointments.noshow.models import Verdict

FACTORS = (
    "lead",
    "missed_before",
    "first_visit",
    "monday",
    "weekend",
    "afternoon",
    "evening",
    "young",
    "old",
)
LEAST_VISITS, LEAST_MISSED = 600, 10 * len(FACTORS)
"""Ten outcomes of the rarer kind a factor, as is usual for logistic regression (Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3)."""
BINS = 5
BETTER_BY = 0.01
"""The Brier score must be smaller than the average's by this part; ours."""
OFF_BY = 0.05
"""What is said and what came may differ so much in a bin, beyond two standard errors; ours."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What was known when it was booked. `missed_before`, `kept_before`: the patient's earlier visits."""

    booked_at: datetime
    start: datetime
    day: date
    part: str
    birth_year: int | None
    missed_before: int
    kept_before: int


def factors(visit: Visit) -> list[float]:
    """In the order of `FACTORS`."""
    days = max(0.0, (visit.start - visit.booked_at).total_seconds() / 86400)
    age = visit.day.year - visit.birth_year if visit.birth_year is not None else 45
    weekday = visit.day.weekday()
    return [
        math.log1p(days),
        float(min(visit.missed_before, 3)),
        float(visit.missed_before + visit.kept_before == 0),
        float(weekday == 0),
        float(weekday >= 5),
        float(visit.part == "afternoon"),
        float(visit.part == "evening"),
        float(age < 30),
        float(age >= 65),
    ]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A training's outcome; see `NoshowModel`."""

    verdict: Verdict
    visits: int
    missed: int
    brier: float | None = None
    brier_base: float | None = None
    bins: list[tuple[float, float, int]] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)
    intercept: float = 0.0


def fit(history: Sequence[tuple[Visit, bool]]) -> Fitted:
    """`history`: visits with whether they were missed, oldest first. Takes a second for 100,000; not for the event loop."""
    total, missed = len(history), sum(gone for _, gone in history)
    if total < LEAST_VISITS or missed < LEAST_MISSED or total - missed < LEAST_MISSED:
        return Fitted(Verdict.TOO_LITTLE, total, missed)
    x = np.array([factors(visit) for visit, _ in history])
    y = np.array([gone for _, gone in history], dtype=float)
    cut = total * 3 // 4
    if not 0 < y[:cut].sum() < cut:
        return Fitted(Verdict.TOO_LITTLE, total, missed)
    said = _trained(x[:cut], y[:cut]).predict_proba(x[cut:])[:, 1]
    came = y[cut:]
    brier = float(np.mean((said - came) ** 2))
    base = float(np.mean((y[:cut].mean() - came) ** 2))
    bins = _bins(said, came)
    good = brier <= base * (1 - BETTER_BY) and all(_calibrated(*one) for one in bins)
    final = _trained(x, y)
    return Fitted(
        Verdict.GOOD if good else Verdict.POOR,
        total,
        missed,
        brier,
        base,
        bins,
        dict(zip(FACTORS, final.coef_[0].tolist(), strict=True)),
        dict(zip(FACTORS, x.mean(axis=0).tolist(), strict=True)),
        float(final.intercept_[0]),
    )


def _trained(x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=500).fit(x, y)


def _bins(said: np.ndarray, came: np.ndarray) -> list[tuple[float, float, int]]:
    """Of equal size, by what was said."""
    order = np.argsort(said, kind="stable")
    return [
        (float(said[part].mean()), float(came[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def _calibrated(said: float, came: float, visits: int) -> bool:
    error = math.sqrt(max(said * (1 - said), 1e-6) / visits)
    return abs(said - came) <= OFF_BY + 2 * error


def risk(
    visit: Visit, weights: Mapping[str, float], means: Mapping[str, float], intercept: float
) -> tuple[float, list[tuple[str, float]]]:
    """The chance of being missed, and what raises it beyond the usual, the strongest first."""
    values = dict(zip(FACTORS, factors(visit), strict=True))
    odds = intercept + sum(weights[name] * value for name, value in values.items())
    raised = [(name, weights[name] * (value - means[name])) for name, value in values.items()]
    why = sorted((one for one in raised if one[1] > 0.1), key=lambda one: -one[1])
    return 1 / (1 + math.exp(-odds)), [(name, round(added, 3)) for name, added in why[:3]]
