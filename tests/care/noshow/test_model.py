"""The model finds the truth it was made from, judges itself on time it has not seen, and says why."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, time, timedelta

from care.appointments.noshow import model
from care.appointments.noshow.model import Visit
from care.appointments.noshow.models import Verdict

FIRST = date(2025, 11, 3)
TRUTH = {"lead": 0.5, "missed_before": 0.9, "young": 0.6, "evening": 0.7}
USUAL = -3.2


def history(count: int, seed: int = 7, *, turned: bool = False) -> list[tuple[Visit, bool]]:
    """Visits whose chance of being missed is known: `TRUTH` in log-odds. `turned`: the last third is the other way round."""
    chance, made = random.Random(seed), []
    for n in range(count):
        day = FIRST + timedelta(days=n * 350 // count)
        start = datetime.combine(day, time(2), UTC)
        visit = Visit(
            start - timedelta(days=chance.choice((0.2, 1, 3, 7, 14))),
            start,
            day,
            chance.choices(("morning", "afternoon", "evening"), (6, 3, 1))[0],
            day.year - chance.randint(18, 85),
            chance.choices((0, 1, 2), (8, 2, 1))[0],
            chance.randint(0, 4),
        )
        values = dict(zip(model.FACTORS, model.factors(visit), strict=True))
        odds = USUAL + sum(weight * values[name] for name, weight in TRUTH.items())
        if turned and n > count * 2 // 3:
            odds = -odds
        made.append((visit, chance.random() < 1 / (1 + math.exp(-odds))))
    return made


def test_it_finds_what_was_true_and_is_calibrated_on_time_it_has_not_seen() -> None:
    fitted = model.fit(history(8_000))
    assert fitted.verdict is Verdict.GOOD
    assert fitted.brier is not None and fitted.brier_base is not None
    assert fitted.brier < fitted.brier_base
    for name, weight in TRUTH.items():
        assert abs(fitted.weights[name] - weight) < 0.25, name
    for name in {"monday", "afternoon", "old"}:
        assert abs(fitted.weights[name]) < 0.25, name
    assert len(fitted.bins) == model.BINS
    assert [said for said, _, _ in fitted.bins] == sorted(said for said, _, _ in fitted.bins)
    assert fitted.bins[-1][1] > 2 * fitted.bins[0][1]


def test_too_little_history_is_said() -> None:
    assert model.fit([]).verdict is Verdict.TOO_LITTLE
    assert model.fit(history(model.LEAST_VISITS - 1)).verdict is Verdict.TOO_LITTLE
    never = [(visit, False) for visit, _ in history(2_000)]
    assert model.fit(never).verdict is Verdict.TOO_LITTLE


def test_what_does_not_hold_for_later_is_not_used() -> None:
    assert model.fit(history(6_000, turned=True)).verdict is Verdict.POOR
    chance = random.Random(3)
    noise = [(visit, chance.random() < 0.15) for visit, _ in history(4_000)]
    assert model.fit(noise).verdict is Verdict.POOR, "no better than the average"


def test_the_reason_is_what_raises_it_beyond_the_usual() -> None:
    fitted = model.fit(history(8_000))
    start = datetime(2026, 11, 24, 10, tzinfo=UTC)
    likely = Visit(start - timedelta(days=14), start, start.date(), "evening", 2004, 2, 0)
    chance, why = model.risk(likely, fitted.weights, fitted.means, fitted.intercept)
    assert chance > 0.5
    assert why[0][0] == "missed_before"
    unlikely = Visit(start - timedelta(hours=5), start, start.date(), "morning", 1960, 0, 4)
    chance, why = model.risk(unlikely, fitted.weights, fitted.means, fitted.intercept)
    assert chance < 0.1
    assert "missed_before" not in dict(why)
