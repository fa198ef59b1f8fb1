"""Tables of the demand to come: all departments, and one by week and day with what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from content.insight.forecast.demand import OFF, WEEK
from content.insight.forecast.outlook import Ahead, Method, Outlook
from content.insight.forecast.reach_ahead import DayName, span_name, veil
from content.insight.forecast.visits import Department
from content.insight.protect import Count, Sum, protect
from content.insight.tables import Row, Share, Table, Value, Verdict

WEEKS_BACK = 16
"""Weeks of history in the picture."""
NEED = ("short", "no_places", "tight", "enough")
"""Where somebody has to do something, the most pressing first."""


def departments(of: Sequence[tuple[Department, Outlook]], today: date, limit: int) -> Table:
    """Each department's error and next week, those who will be short of places first."""
    columns = (
        "known", "method", "wape", "naive_wape", "mase", "cover", "expected", "low", "high", "places", "verdict",
    )  # fmt: skip
    rows: list[Row] = []
    for department, out in of:
        week = out.weeks[0] if out.weeks else None
        places = sum(department.places.get(today + timedelta(days=n), 0) for n in range(WEEK))
        values: dict[str, Value] = {
            "known": out.known_weeks,
            "method": Verdict(out.method),
            "wape": Share(out.wape),
            "naive_wape": Share(out.naive_wape),
            "mase": None if out.mase is None else round(out.mase, 2),
            "cover": Share.of(*out.week_cover),
            **_said(week, limit),
            "places": places,
            "verdict": verdict(week, places),
        }
        rows.append(Row(department.name, values))
    return Table("departments", columns, sorted(rows, key=_need))


def _need(row: Row) -> int:
    code = getattr(row.values["verdict"], "code", "")
    return NEED.index(code) if code in NEED else len(NEED)


def _said(of: Ahead | None, limit: int) -> dict[str, Value]:
    if of is None:
        return {"expected": None, "low": None, "high": None}
    return {
        "expected": veil(of.expected, limit),
        "low": None if of.low is None else veil(of.low, limit),
        "high": None if of.high is None else veil(of.high, limit),
    }


def verdict(of: Ahead | None, places: int) -> Verdict:
    """Whether the places will do: for what is expected, and for the interval's upper end."""
    if of is None:
        return Verdict("unknown")
    if not round(of.expected):
        return Verdict("idle")
    if not places:
        return Verdict("no_places")
    if of.expected > places:
        return Verdict("short")
    return Verdict("tight" if of.high is not None and of.high > places else "enough")


def one_by_week(department: Department, out: Outlook, today: date, limit: int) -> Table:
    """What came in the last weeks and what is expected, with the places there are."""
    rows = []
    begins = today - timedelta(days=WEEK * min(WEEKS_BACK, out.known_weeks))
    while begins < today:
        came = sum(department.visits.get(begins + timedelta(days=n), 0) for n in range(WEEK))
        empty: dict[str, Value] = {"expected": None, "low": None, "high": None, "places": None}
        rows.append(Row(span_name(begins), {"visits": veil(came, limit), **empty}))
        begins += timedelta(days=WEEK)
    shown = _whole(out, limit)
    for place, week in enumerate(out.weeks):
        places = sum(department.places.get(week.day + timedelta(days=n), 0) for n in range(WEEK))
        values = {**_said(week, limit), "expected": shown["week", place], "visits": None, "places": places}
        rows.append(Row(span_name(week.day), values))
    return Table("by_week", ("visits", "expected", "low", "high", "places"), rows)


def one_by_day(department: Department, out: Outlook, days: int, day_name: DayName, limit: int) -> Table:
    """The next days: expected, booked so far, and the places there are."""
    shown = _whole(out, limit)
    rows = []
    for place, day in enumerate(out.days[:days]):
        places = department.places.get(day.day, 0)
        values = {
            **_said(day, limit),
            "expected": shown["day", place],
            "booked": veil(department.booked.get(day.day, 0), limit),
            "places": places,
            "verdict": verdict(day, places),
        }
        rows.append(Row(day_name(day.day), values))
    return Table("by_day", ("expected", "low", "high", "booked", "places", "verdict"), rows)


def _whole(out: Outlook, limit: int) -> dict[tuple[str, int], Count]:
    """Expected numbers in whole patients. "As a week ago" tells what came then: so days and their weeks are protected together."""
    counts = {("day", place): round(day.expected) for place, day in enumerate(out.days)}
    sums = []
    for place in range(len(out.weeks)):
        days = [("day", place * WEEK + n) for n in range(WEEK)]
        counts["week", place] = sum(counts[one] for one in days)
        sums.append(Sum(("week", place), days))
    return protect(counts, sums, limit)


def weekdays(out: Outlook) -> Table:
    """The shares of an average day that the forecast is made of."""
    if out.fitted is None or out.method is not Method.MODEL:
        return Table("weekdays", ("share",), [], names="weekdays")
    shares = [(str(place), share) for place, share in enumerate(out.fitted.weekday)]
    shares += [(str(OFF), out.fitted.off), ("after", out.fitted.after)]
    return Table(
        "weekdays", ("share",), [Row(name, {"share": Share(one)}) for name, one in shares], names="weekdays"
    )


def level(out: Outlook, limit: int) -> Count | None:
    """Patients in an ordinary week at today's level."""
    return None if out.fitted is None else veil(out.fitted.level * WEEK, limit)
