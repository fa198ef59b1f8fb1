"""Satisfaction by department and doctor, and the willingness to recommend; small groups hidden across all of them together.

A department's number is the sum of its doctors', and all departments make up the total: what is hidden in one table must not come out
by subtracting in another, so the cells of all are protected at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from content.insight.figures.rows import MarkRow
from content.insight.protect import Count, Hidden, Sum, protect
from content.insight.satisfaction.figures import MARKS, RECOMMEND, Scored
from content.insight.stats import mean, promoters, proportion
from content.insight.tables import Mean, Parts, Row, Share, Shown, Table, Value, table

PARTS = ("satisfied", "middling", "dissatisfied")
COLUMNS = ("answers", *PARTS, "satisfied_share", "mean")
FROM_PROMOTER, TO_DETRACTOR = 9, 6


class Key(NamedTuple):
    """A cell: of all (`department` None), of a department (`doctor` None), of a doctor; and the column."""

    department: str | None
    doctor: str | None
    column: str


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """The tables of the page. `months` is for the trend: the same answers by month."""

    departments: Table
    doctors: Table
    recommend: Table
    months: Sequence[MarkRow]


def satisfaction(rows: Sequence[Scored], limit: int, *, unnamed: str) -> Satisfaction:
    """`unnamed`: what a survey without a visit is listed under."""
    marks = [row for row in rows if row.questionnaire in MARKS]
    scores: dict[tuple[str | None, str | None], Counter[int]] = defaultdict(Counter)
    for row in marks:
        for place in ((None, None), (row.department, None), (row.department, row.doctor)):
            scores[place][row.score] += row.number
    shown = _protected(scores, limit)

    def line(department: str | None, doctor: str | None, name: str) -> Row:
        counts = {column: shown[Key(department, doctor, column)] for column in ("answers", *PARTS)}
        return Row(name, {**counts, **_derived(counts, scores[department, doctor])})

    places = sorted(((one, other) for one, other in scores if one is not None), key=str)
    departments = [line(one, None, one or unnamed) for one, other in places if other is None]
    doctors = [
        line(one, other, f"{one} {other}") for one, other in places if one is not None and other and one
    ]
    total = line(None, None, "total") if marks else None
    by_month: Counter[tuple[int, int]] = Counter()
    for row in marks:
        by_month[row.month, row.score] += row.number
    return Satisfaction(
        Table("by_department", COLUMNS, _best_last(departments), total),
        Table("by_doctor", COLUMNS, _best_last(doctors)),
        _recommend([row for row in rows if row.questionnaire == RECOMMEND], limit, unnamed),
        [MarkRow(month, score, number) for (month, score), number in sorted(by_month.items())],
    )


def _protected(
    scores: Mapping[tuple[str | None, str | None], Counter[int]], limit: int
) -> Mapping[Key, Count]:
    counts: dict[Key, int] = {}
    sums: list[Sum[Key]] = []
    for (department, doctor), of in scores.items():
        counts[Key(department, doctor, "answers")] = of.total()
        for column, low, high in zip(PARTS, (4, 3, 1), (5, 3, 2), strict=True):
            number = sum(of[score] for score in range(low, high + 1))
            counts[Key(department, doctor, column)] = number
        parts = [Key(department, doctor, column) for column in PARTS]
        sums.append(Sum(Key(department, doctor, "answers"), parts))
    for column in ("answers", *PARTS):
        named = sorted({one for one, _ in scores if one is not None})
        sums.append(Sum(Key(None, None, column), [Key(one, None, column) for one in named]))
        for one in named:
            inside = [Key(one, other, column) for dept, other in scores if dept == one and other is not None]
            sums.append(Sum(Key(one, None, column), inside))
    return protect(counts, [one for one in sums if one.total in counts], limit)


def _derived(counts: Shown, scores: Counter[int]) -> Mapping[str, Value]:
    """Shares and means only where everything they are made of is shown."""
    answers, satisfied = counts["answers"], counts["satisfied"]
    if any(isinstance(counts[column], Hidden) for column in ("answers", *PARTS)):
        return {"satisfied_share": Share(None), "mean": Mean(None)}
    if not isinstance(answers, int) or not isinstance(satisfied, int) or not answers:
        return {"satisfied_share": Share(None), "mean": Mean(None)}
    return {"satisfied_share": proportion(satisfied, answers), "mean": Mean(mean(scores))}


def _best_last(rows: Iterable[Row]) -> list[Row]:
    """Where something is to be done first: the lowest share of the satisfied; what is hidden comes last."""

    def order(row: Row) -> tuple[bool, float]:
        value = getattr(row.values["satisfied_share"], "value", None)
        return value is None, value if value is not None else 0.0

    return sorted(rows, key=order)


def _recommend(rows: Sequence[Scored], limit: int, unnamed: str) -> Table:
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        of = (
            "promoters"
            if row.score >= FROM_PROMOTER
            else "detractors"
            if row.score <= TO_DETRACTOR
            else "passives"
        )
        folded[row.department or unnamed].update({"answers": row.number, of: row.number})
    parts = ("promoters", "passives", "detractors")

    def net(shown: Shown) -> Mapping[str, Value]:
        people, up, down = shown["answers"], shown["promoters"], shown["detractors"]
        if isinstance(shown["passives"], Hidden) or not people:
            return {"nps": Share(None)}
        if isinstance(people, Hidden) or isinstance(up, Hidden) or isinstance(down, Hidden):
            return {"nps": Share(None)}
        return {"nps": promoters(up, down, people)}

    return table(
        "nps",
        ("answers", *parts, "nps"),
        [
            (name, {column: counts[column] for column in ("answers", *parts)})
            for name, counts in sorted(folded.items())
        ],
        limit,
        links=[Parts("answers", parts)],
        derive=net,
    )
