"""Touches, SMS and money of the weeks to come, worked out from what is planned and what became of such touches before. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from care.plans.definition import KINDS
from content.insight.forecast.ahead import JOINING, Became, Texted, Touches
from content.insight.forecast.demand import WEEK
from content.insight.stats import Estimate, proportion

ENOUGH = 30
"""Touches, or calls, from which on a share or a median counts as measured; the usual guide for a share."""
MOST_JOIN = 10
"""So many must have joined a plan in `JOINING` for more to be expected."""


@dataclass(frozen=True, slots=True)
class Survival:
    """The share of planned touches that leave. `of`: touches it was measured on, 0 where there were too few: then all count.
    `own`: measured on this plan and kind; else on the kind in all plans."""

    share: float
    of: int
    own: bool


def survival(became: Mapping[tuple[str, str], Became], plan: str, kind: str) -> Survival:
    """Of this plan and kind, or of the kind in all plans, or none at all."""
    own = became.get((plan, kind), Became(0, 0))
    if sum(own) >= ENOUGH:
        return Survival(own.left / sum(own), sum(own), True)
    every = [one for (_, of), one in became.items() if of == kind]
    left, dropped = sum(one.left for one in every), sum(one.dropped for one in every)
    if left + dropped >= ENOUGH:
        return Survival(left / (left + dropped), left + dropped, False)
    return Survival(1.0, 0, False)


@dataclass(frozen=True, slots=True)
class Line:
    """A plan and kind: touches planned in all days looked at, how many of such leave, and how many that makes."""

    plan: str
    kind: str
    planned: int
    survival: Survival

    @property
    def expected(self) -> float:
        return self.planned * self.survival.share


@dataclass(frozen=True, slots=True)
class Reckoned:
    """By day (0 is today) and kind: `planned`, `expected` of them, and `joining`: expected of people who are not in a plan yet."""

    lines: Sequence[Line]
    planned: Sequence[Mapping[str, int]]
    expected: Sequence[Mapping[str, float]]
    joining: Sequence[Mapping[str, float]]

    def all_expected(self, kind: str) -> float:
        return sum(day.get(kind, 0.0) for day in self.expected)

    def all_joining(self, kind: str) -> float:
        return sum(day.get(kind, 0.0) for day in self.joining)


def reckon(of: Touches, days: int, today: int) -> Reckoned:
    """`today`: its ordinal. Who joins is taken to do so evenly over the week, on the day their steps are counted from."""
    planned: list[Counter[str]] = [Counter() for _ in range(days)]
    expected: list[dict[str, float]] = [defaultdict(float) for _ in range(days)]
    joining: list[dict[str, float]] = [defaultdict(float) for _ in range(days)]
    together: Counter[tuple[str, str]] = Counter()
    for one in of.coming:
        place = one.day.toordinal() - today
        if not 0 <= place < days:
            continue
        planned[place][one.kind] += one.number
        expected[place][one.kind] += one.number * survival(of.became, one.plan, one.kind).share
        together[one.plan, one.kind] += one.number
    for name, number in of.joined.items():
        plan = of.plans.get(name)
        if plan is None or number < MOST_JOIN:
            continue
        a_day = number / (JOINING / timedelta(days=1))
        for step in plan.steps:
            if step.anchor not in (None, plan.anchor):
                continue
            leaves = a_day * survival(of.became, name, step.kind).share
            for place in range(max(0, step.days), days):
                joining[place][step.kind] += leaves
    lines = [
        Line(plan, kind, number, survival(of.became, plan, kind))
        for (plan, kind), number in sorted(
            together.items(), key=lambda one: (one[0][0], KINDS.index(one[0][1]))
        )
    ]
    return Reckoned(lines, planned, expected, joining)


@dataclass(frozen=True, slots=True)
class Bill:
    """SMS of one kind of touch. `share`: of such touches that go as SMS, with its interval; `parts`: a texted touch's parts. `least`
    is what is planned at the interval's lower end, `most` with who joins at its upper end; in yuan. None: too little history."""

    kind: str
    expected: float
    joining: float
    share: Estimate | None
    parts: float | None
    least: float | None
    likely: float | None
    most: float | None


def bills(of: Reckoned, texted: Mapping[str, Texted], price: float) -> list[Bill]:
    """What is sent at all, kind by kind; `price`: a part's, in yuan."""
    made = []
    for kind in KINDS:
        planned, joining = of.all_expected(kind), of.all_joining(kind)
        if kind == "call" or planned + joining == 0:
            continue
        seen = texted.get(kind, Texted(0, 0, 0))
        if seen.touches < ENOUGH:
            made.append(Bill(kind, planned, joining, None, None, None, None, None))
            continue
        share = proportion(seen.by_sms, seen.touches)
        parts = seen.parts / seen.by_sms if seen.by_sms else 0.0
        cost = parts * price
        made.append(
            Bill(
                kind,
                planned,
                joining,
                share,
                parts if seen.by_sms else None,
                planned * share.low * cost,
                (planned + joining) * share.value * cost,
                (planned + joining) * share.high * cost,
            )
        )
    return made


def in_weeks(days: int) -> int:
    return -(-days // WEEK)
