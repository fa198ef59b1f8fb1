"""Which tables a page or report is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from content.insight import plan_tables, reach_tables, service_tables
from content.insight.figures.rows import Figures
from content.insight.period import Period
from content.insight.reach_tables import By, Outcome
from content.insight.service_tables import VisitsBy
from content.insight.tables import Table


@dataclass(frozen=True, slots=True)
class Choice:
    """How the reader wants them: by what the funnel and the appointments are told apart, and the outcome compared."""

    by: By = "campaign"
    outcome: Outcome = "fair"
    visits: VisitsBy = "month"


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart beside a table. `kind`: steps (bars of the totals, one a column), stacked (a bar a row), line (a point a row),
    intervals (an estimate a row). `unit`: a word of `units` for its numbers."""

    kind: str
    columns: Sequence[str]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A table with its picture. `first`: the word for its first column; `defined`: which definitions explain it."""

    table: Table
    first: str
    picture: Picture | None = None
    defined: Sequence[str] = field(default_factory=tuple)

    @property
    def key(self) -> str:
        return self.table.key


Make = Callable[[Figures, Period, Choice, int], Part]


def _funnel(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    return Part(
        reach_tables.funnel(of.reached, choice.by, limit),
        choice.by,
        Picture("steps", reach_tables.STEPS),
        ("people", "sent", "delivered", "counted", "opened", "finished", "back"),
    )


def _lift(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    defined = ("over", choice.outcome, "interval")
    return Part(
        reach_tables.lift(of.reached, choice.outcome, limit),
        "lift",
        Picture("intervals", ("difference",), "points"),
        defined,
    )


def _articles(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    return Part(reach_tables.articles(of.articles, limit), "articles", None, ("articles",))


def _visits(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    made = service_tables.visits(of.visits, choice.visits, period.months, limit)
    return Part(made, choice.visits, Picture("stacked", ("came", "noshow", "cancelled", "open")), ("visits",))


def _surveys(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    picture = Picture("stacked", ("completed", "stopped", "under_way"))
    return Part(service_tables.surveys(of.surveys, limit), "surveys", picture, ("surveys",))


def _lost(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    picture = Picture("stacked", ("searching", "recovered", "lost"))
    return Part(service_tables.lost(of.lost, limit), "reason", picture, ("lost",))


def _plans(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    picture = Picture("stacked", ("running", "completed", "ended"))
    return Part(plan_tables.plans(of.plans, limit), "plan", picture, ("plans",))


def _touches(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    picture = Picture("stacked", ("answered", "out", "ahead", "dropped"))
    return Part(plan_tables.touches(of.touches, limit), "plan", picture, ("touches",))


def _marks(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    made = service_tables.marks(of.marks, period.months, limit)
    return Part(made, "month", Picture("stacked", ("satisfied", "middling", "dissatisfied")), ("surveys",))


def _talks(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    made = service_tables.talks(of.talks, period.months, limit)
    return Part(made, "month", Picture("stacked", ("alone", "people")), ("talks",))


def _waits(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    made = service_tables.waits(of.waits, period.months, limit)
    return Part(made, "month", Picture("line", ("median", "ninetieth"), "minutes"), ("waits",))


def _grumbles(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    return Part(service_tables.grumbles(of.grumbles, period.months, limit), "month")


def _questions(of: Figures, period: Period, choice: Choice, limit: int) -> Part:
    return Part(service_tables.questions(of.questions, period.months, limit), "month", None, ("questions",))


PARTS: Mapping[str, Make] = {
    "funnel": _funnel,
    "lift": _lift,
    "articles": _articles,
    "visits": _visits,
    "surveys": _surveys,
    "lost": _lost,
    "plans": _plans,
    "touches": _touches,
    "marks": _marks,
    "talks": _talks,
    "waits": _waits,
    "grumbles": _grumbles,
    "questions": _questions,
}
SECTIONS: Mapping[str, Sequence[str]] = {
    "overview": ("funnel", "visits", "talks"),
    "campaigns": ("funnel", "lift"),
    "articles": ("articles",),
    "visits": ("visits", "marks", "surveys"),
    "plans": ("plans", "touches", "lost"),
    "talks": ("talks", "waits", "questions", "grumbles"),
}


def parts(keys: Sequence[str], of: Figures, period: Period, choice: Choice, limit: int) -> list[Part]:
    """The parts of these keys, in this order."""
    return [PARTS[key](of, period, choice, limit) for key in keys]
