"""Tables of appointments, questionnaires, conversations and the desk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

from care.appointments.models import Status
from care.questionnaires.models import ResponseStatus
from content.insight.figures.rows import (
    GrumbleRow,
    LostRow,
    MarkRow,
    QuestionRow,
    SurveyRow,
    TalkRow,
    VisitRow,
    WaitRow,
)
from content.insight.figures.talks import ALL
from content.insight.protect import Hidden
from content.insight.tables import Chain, Mark, Parts, Row, Share, Shown, Span, Table, Value, table

VisitsBy = Literal["month", "department", "via"]
VISITS_BY: tuple[VisitsBy, ...] = ("month", "department", "via")
BECAME: Mapping[str, str] = {
    Status.ARRIVED: "came",
    Status.FULFILLED: "came",
    Status.NOSHOW: "noshow",
    Status.CANCELLED: "cancelled",
}
"""What an appointment became; everything else is still open."""


def month_name(months: Sequence[date], place: int) -> str:
    return f"{months[place]:%Y-%m}"


def visits(rows: Sequence[VisitRow], by: VisitsBy, months: Sequence[date], limit: int) -> Table:
    """Appointments and what became of them."""
    parts = ("came", "noshow", "cancelled", "open")
    folded: dict[str, Counter[str]] = {month_name(months, place): Counter() for place in range(len(months))}
    if by != "month":
        folded = {}
    for row in rows:
        name = month_name(months, row.month) if by == "month" else str(getattr(row, by))
        folded.setdefault(name, Counter()).update(
            {BECAME.get(row.status, "open"): row.number, "all": row.number}
        )

    def missed(shown: Shown) -> Mapping[str, Value]:
        came, noshow = shown["came"], shown["noshow"]
        if isinstance(came, Hidden) or isinstance(noshow, Hidden):
            return {"noshow_share": Share(None)}
        return {"noshow_share": Share.of(noshow, came + noshow)}

    return table(
        "visits",
        ("all", *parts, "noshow_share"),
        [(name, {column: counts[column] for column in ("all", *parts)}) for name, counts in folded.items()]
        if rows
        else [],
        limit,
        links=[Parts("all", parts)],
        derive=missed,
        names="via" if by == "via" else "",
    )


def lost(rows: Sequence[LostRow], limit: int) -> Table:
    """Overdue patients by reason: still looked for, found again, lost."""
    parts = ("searching", "recovered", "lost")
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        became = row.stage if row.stage in parts else "searching"
        folded[row.reason].update({became: row.number, "all": row.number})

    def found(shown: Shown) -> Mapping[str, Value]:
        back, every = shown["recovered"], shown["all"]
        hidden = isinstance(back, Hidden) or isinstance(every, Hidden)
        return {"recovered_share": Share(None) if hidden else Share.of(back, every)}

    return table(
        "lost",
        ("all", *parts, "recovered_share"),
        [
            (reason, {column: counts[column] for column in ("all", *parts)})
            for reason, counts in folded.items()
        ],
        limit,
        links=[Parts("all", parts)],
        derive=found,
        names="lost_reasons",
    )


def surveys(rows: Sequence[SurveyRow], limit: int) -> Table:
    """Questionnaires and how many are answered to the end."""
    states = {
        ResponseStatus.COMPLETED: "completed",
        ResponseStatus.STOPPED: "stopped",
        ResponseStatus.IN_PROGRESS: "under_way",
    }
    parts = tuple(states.values())
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        folded[row.title].update({states[ResponseStatus(row.status)]: row.number, "begun": row.number})
    return table(
        "surveys",
        ("begun", *parts, "completed_share"),
        [
            (title, {column: counts[column] for column in ("begun", *parts)})
            for title, counts in folded.items()
        ],
        limit,
        links=[Parts("begun", parts)],
        derive=lambda shown: {"completed_share": Share.of(shown["completed"], shown["begun"])},
        total=False,
    )


def marks(rows: Sequence[MarkRow], months: Sequence[date], limit: int) -> Table:
    """Satisfaction by month."""
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    points: Counter[str] = Counter()
    for row in rows:
        name = month_name(months, row.month)
        of = "satisfied" if row.score >= 4 else "middling" if row.score == 3 else "dissatisfied"
        folded[name].update({"answers": row.number, of: row.number})
        points[name] += row.score * row.number
    columns = ("satisfied", "middling", "dissatisfied")
    made = table(
        "marks",
        ("answers", *columns, "satisfied_share", "mean"),
        [
            (name, {column: counts[column] for column in ("answers", *columns)})
            for name, counts in folded.items()
        ],
        limit,
        links=[Parts("answers", columns)],
        derive=lambda shown: {"satisfied_share": Share.of(shown["satisfied"], shown["answers"])},
    )
    return _with_mean(made, {**points, "total": sum(points.values())}, columns)


def _with_mean(made: Table, points: Mapping[str, int], columns: Sequence[str]) -> Table:
    """The mean mark, only where everything it is made of is shown."""

    def row(given: Row) -> Row:
        answers = given.values["answers"]
        open_ = isinstance(answers, int) and not any(
            isinstance(given.values[name], Hidden) for name in columns
        )
        mean = points[given.name] / answers if open_ and isinstance(answers, int) and answers else None
        return Row(given.name, {**given.values, "mean": Mark(mean)})

    total = row(made.total) if made.total else None
    return Table(made.key, made.columns, [row(one) for one in made.rows], total, made.names)


def talks(rows: Sequence[TalkRow], months: Sequence[date], limit: int) -> Table:
    """Conversations that ended without a person."""
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        alone = {"talks": row.talks, "alone": row.talks - row.people, "people": row.people}
        folded[month_name(months, row.month)].update(alone)
    return table(
        "talks",
        ("talks", "alone", "people", "alone_share"),
        [
            (name, {"talks": of["talks"], "alone": of["alone"], "people": of["people"]})
            for name, of in folded.items()
        ],
        limit,
        links=[Parts("talks", ("alone", "people"))],
        derive=lambda shown: {"alone_share": Share.of(shown["alone"], shown["talks"])},
    )


def waits(rows: Sequence[WaitRow], months: Sequence[date], limit: int) -> Table:
    """How long the desk let people wait."""
    by_month = [row for row in rows if row.month != ALL]
    spans = {month_name(months, row.month): row for row in by_month}
    spans["total"] = next((row for row in rows if row.month == ALL), WaitRow(ALL, 0, 0, 0, None, None))
    made = table(
        "waits",
        ("asked", "answered", "in_time", "in_time_share", "median", "ninetieth"),
        [
            (
                month_name(months, row.month),
                {"asked": row.asked, "answered": row.answered, "in_time": row.in_time},
            )
            for row in by_month
        ],
        limit,
        links=[Chain(("asked", "answered", "in_time"))],
        derive=lambda shown: {"in_time_share": Share.of(shown["in_time"], shown["asked"])},
    )

    def row(given: Row) -> Row:
        many = isinstance(given.values["answered"], int) and given.values["answered"] >= limit
        of = spans[given.name]
        return Row(
            given.name,
            {
                **given.values,
                "median": Span(of.median if many else None),
                "ninetieth": Span(of.ninetieth if many else None),
            },
        )

    total = row(made.total) if made.total else None
    return Table(made.key, made.columns, [row(one) for one in made.rows], total, made.names)


def grumbles(rows: Sequence[GrumbleRow], months: Sequence[date], limit: int) -> Table:
    """Complaints."""
    return _by_month("grumbles", rows, months, limit, ("tasks", "messages"))


def questions(rows: Sequence[QuestionRow], months: Sequence[date], limit: int) -> Table:
    """Questions without a good answer. Where the askers are few, how often they asked is not shown either."""
    few = [
        QuestionRow(row.month, min(row.asks, row.askers), row.askers) if row.askers < limit else row
        for row in rows
    ]
    return _by_month("questions", few, months, limit, ("asks", "askers"), total=False)


def _by_month(
    key: str,
    rows: Iterable[GrumbleRow | QuestionRow],
    months: Sequence[date],
    limit: int,
    columns: Sequence[str],
    *,
    total: bool = True,
) -> Table:
    named = [
        (month_name(months, row.month), {column: int(getattr(row, column)) for column in columns})
        for row in rows
    ]
    return table(key, columns, named, limit, total=total)
