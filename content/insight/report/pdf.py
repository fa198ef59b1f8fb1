"""What stands in the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from content.insight import book
from content.insight.book import Choice, Part
from content.insight.figures.rows import Figures
from content.insight.headlines import headlines
from content.insight.period import Period
from content.insight.reach_tables import BY, OUTCOMES
from content.insight.report import charts
from content.insight.shown import Speaker
from web.paper import SOFT, Paper

ROWS = 40
"""Rows of one table; the page has all of them to download."""
LAST = ("visits", "marks", "surveys", "talks", "waits", "questions", "grumbles")
DEFINED = (
    *(
        "people",
        "sent",
        "delivered",
        "counted",
        "opened",
        "finished",
        "back",
        "over",
        "fair",
        "booked",
        "noshow",
    ),
    *("interval", "articles", "visits", "surveys", "talks", "waits", "questions", "small"),
)


def report(of: Figures, period: Period, as_of: datetime, told: Speaker, hospital: str) -> bytes:
    """The file. CPU-bound, about a second: call it in a thread."""
    local = as_of.astimezone(period.zone)
    about = told.words(
        "report", "about", hospital=hospital, period=told.period(period), as_of=f"{local:%Y-%m-%d %H:%M}"
    )
    title = told.words("report", "title")
    paper = Paper(
        title, about, as_of, lambda page, pages: told.words("report", "page", page=page, pages=pages)
    )
    paper.say(title, 22, after=3)
    paper.say(about, 11, SOFT, after=1)
    paper.say(told.words("report", "small", limit=told.limit), 9, SOFT, after=4)
    _headlines(paper, of, period, told)
    for title, part in _parts(of, period, told):
        paper.heading(title, charts.height(part) + 30)
        if part.table.empty:
            paper.say(told.words("nothing", part.key), 10, SOFT)
            continue
        charts.draw(paper, part, told)
        lines = told.lines(part.table, told.words("first", part.first))
        more = len(part.table.rows) - ROWS
        if more > 0:
            lines = [*lines[: 1 + ROWS], *lines[1 + len(part.table.rows) :]]
        paper.put_table(lines, total=part.table.total is not None)
        if more > 0:
            paper.say(told.words("report", "cut", count=more), 9, SOFT)
    paper.heading(told.words("report", "meanings"), 60)
    for code in DEFINED:
        paper.say(told.definition(code, period.days), 9, after=1)
    paper.say(told.words("report", "font"), 8, SOFT)
    return bytes(paper.output())


def _headlines(paper: Paper, of: Figures, period: Period, told: Speaker) -> None:
    lines = [
        [
            f"{told.words('titles', one.table)}：{told.words('columns', f'{one.table}.{one.columns[0]}')}",
            told.say(one.count),
            f"{told.words('columns', f'{one.table}.{one.columns[1]}')} {told.say(one.share)}",
        ]
        for one in headlines(of, period, told.limit)
    ]
    paper.put_table([[told.words("tabs", "overview"), "", ""], *lines], total=False)


def _parts(of: Figures, period: Period, told: Speaker) -> Iterator[tuple[str, Part]]:
    title = told.words("titles", "funnel")
    for by in BY:
        part = book.PARTS["funnel"](of, period, Choice(by=by), told.limit)
        if by != BY[0]:  # the totals are the same
            part = replace(part, picture=None)
        yield told.words("report", "by", title=title, by=told.words("by", by)), part
    for outcome in OUTCOMES:
        part = book.PARTS["lift"](of, period, Choice(outcome=outcome), told.limit)
        yield told.words("report", "lift", outcome=told.words("outcomes", outcome)), part
    for key in ("articles", *LAST):
        yield told.words("titles", key), book.PARTS[key](of, period, Choice(), told.limit)
