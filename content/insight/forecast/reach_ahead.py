"""Tables of touches, SMS and calls to come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from care.plans.definition import KINDS
from content.insight.forecast.calls import CallDay, Effort
from content.insight.forecast.demand import WEEK
from content.insight.forecast.reckoning import Bill, Reckoned
from content.insight.protect import Count, Hidden
from content.insight.tables import Hours, Parts, Row, Share, Table, Value, Verdict, Yuan, table

BY_DAY = 14
"""Up to so many days a row is a day; else a week."""
CALL_DAYS = 28
COARSE = 10
"""An estimate beside a hidden count is said in tens only, or the count could be worked out from it."""


def veil(number: float, limit: int) -> Count:
    """An estimate of people, whole; under the limit as a count would be."""
    whole = round(number)
    return Hidden(True) if 0 < whole < limit else whole


DayName = Callable[[date], str]
"""How a day is called, with its weekday."""


def span_name(first: date) -> str:
    """Seven days."""
    return f"{first:%m-%d}/{first + timedelta(days=WEEK - 1):%m-%d}"


def ahead(of: Reckoned, today: date, day_name: DayName, limit: int) -> Table:
    """Planned touches by day or week and kind; what of them is expected to leave, and what people yet to join will get."""
    days = len(of.planned)
    step = 1 if days <= BY_DAY else WEEK
    places = [range(first, min(first + step, days)) for first in range(0, days, step)]
    counts: list[tuple[str, Mapping[str, int]]] = []
    for each in places:
        by_kind: Counter[str] = Counter()
        for place in each:
            by_kind.update(of.planned[place])
        first = today + timedelta(days=each.start)
        name = day_name(first) if step == 1 else span_name(first)
        counts.append((name, {**{kind: by_kind[kind] for kind in KINDS}, "all": by_kind.total()}))
    made = table("ahead", (*KINDS, "all", "expected", "joining"), counts, limit, links=[Parts("all", KINDS)])

    def add(row: Row, each: Sequence[int]) -> Row:
        leaves = sum(sum(of.expected[place].values()) for place in each)
        joins = sum(sum(of.joining[place].values()) for place in each)
        return Row(
            row.name, {**row.values, "expected": _beside(row, leaves, limit), "joining": veil(joins, limit)}
        )

    rows = [add(row, each) for row, each in zip(made.rows, places, strict=True)]
    if not any(sum(one.values()) for one in (*of.planned, *of.joining)):
        return Table(made.key, made.columns, [])
    total = add(made.total, range(days)) if made.total else None
    return Table(made.key, made.columns, rows, total)


def _beside(row: Row, number: float, limit: int) -> Count:
    if isinstance(row.values["all"], Hidden):
        return Hidden(False)
    if any(isinstance(value, Hidden) for value in row.values.values()):
        number = round(number / COARSE) * COARSE
    return veil(number, limit)


def survival(of: Reckoned, titles: Mapping[str, str], kinds: Mapping[str, str], limit: int) -> Table:
    """By plan and kind: planned, the share of such that left in the last weeks, on what that was measured, and what it makes."""
    counts = [
        (f"{titles.get(line.plan, line.plan)}：{kinds[line.kind]}", {"planned": line.planned})
        for line in of.lines
    ]
    made = table("survival", ("planned", "left_share", "basis", "expected"), counts, limit)

    def add(row: Row, share: float, measured: int, own: bool, expected: float) -> Row:
        hidden = isinstance(row.values["planned"], Hidden)
        values: dict[str, Value] = {
            "left_share": Share(share if measured else None),
            "basis": Verdict("own" if own else "kind" if measured else "none"),
            "expected": Hidden(False) if hidden else veil(expected, limit),
        }
        return Row(row.name, {**row.values, **values})

    rows = [
        add(row, line.survival.share, line.survival.of, line.survival.own, line.expected)
        for row, line in zip(made.rows, of.lines, strict=True)
    ]
    return Table(made.key, made.columns, rows)


def sms(of: Sequence[Bill], limit: int) -> Table:
    """By kind: touches expected, how many go as SMS, parts of one, yuan at least, likely and at most."""

    def row(name: str, expected: float, joining: float, values: Mapping[str, Value]) -> Row:
        return Row(name, {"expected": veil(expected, limit), "joining": veil(joining, limit), **values})

    rows = [
        row(
            one.kind,
            one.expected,
            one.joining,
            {
                "sms_share": one.share if one.share is not None else Share(None),
                "parts": None if one.parts is None else round(one.parts, 2),
                **{name: _yuan(getattr(one, name)) for name in ("least", "likely", "most")},
            },
        )
        for one in of
    ]
    known = [one for one in of if one.likely is not None]
    total = row(
        "total",
        sum(one.expected for one in of),
        sum(one.joining for one in of),
        {
            "sms_share": None,
            "parts": None,
            **{
                name: _yuan(sum(getattr(one, name) for one in known) if known else None)
                for name in ("least", "likely", "most")
            },
        },
    )
    columns = ("expected", "joining", "sms_share", "parts", "least", "likely", "most")
    return Table("sms", columns, rows, total if rows else None, "touch_kinds")


def _yuan(value: float | None) -> Yuan:
    return Yuan(value)


def _enough(of: CallDay, taken: float, small: bool) -> Verdict | None:
    """Whether the hours will do. Of few calls only what their most would take is known to the reader."""
    if of.capacity is None:
        return None
    if not round(of.calls):
        return Verdict("idle")
    if small and 0 < of.capacity < taken:
        return Verdict("perhaps")
    return Verdict("over" if taken > of.capacity else "fits")


def calls(of: Sequence[CallDay], effort: Effort, day_name: DayName, limit: int) -> Table:
    """By day: calls, hours, hours there are, and whether they will do. Under the limit the hours are said as "fewer than" only."""
    rows = []
    for one in of[:CALL_DAYS]:
        number = veil(one.calls, limit)
        small = isinstance(number, Hidden)
        taken = limit * effort.a_call / 60 if small else one.hours
        values: dict[str, Value] = {
            "calls": number,
            "hours": Hours(taken, under=small),
            "capacity": Hours(one.capacity),
            "verdict": _enough(one, taken, small),
        }
        rows.append(Row(day_name(one.day), values))
    if not any(round(one.calls) for one in of):
        rows = []
    return Table("calls", ("calls", "hours", "capacity", "verdict"), rows)
