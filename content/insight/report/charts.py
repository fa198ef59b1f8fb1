"""The report's pictures, drawn as vectors from the same tables as the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from content.insight.book import Part
from content.insight.shown import Speaker
from content.insight.stats import Estimate
from content.insight.tables import Row, Share, Span
from web.paper import FONT, INK, LINE, MARGIN, SOFT, Paper

COLOURS = ((28, 143, 127), (217, 154, 43), (157, 178, 189), (91, 141, 239), (200, 56, 43))
MOST = 12
"""Rows of one picture."""
BAR, GAP = 6.0, 2.5
NAMES = 42.0
"""Millimetres for the names on the left."""


def height(part: Part) -> float:
    """Millimetres its picture takes."""
    if part.picture is None or part.table.empty:
        return 0.0
    if part.picture.kind == "line":
        return 52.0
    if part.picture.kind == "steps":
        rows = len(part.picture.columns)
    else:
        rows = len(_estimates(part) if part.picture.kind == "intervals" else part.table.rows[:MOST])
    return rows * (BAR + GAP) + (10 if part.picture.kind == "stacked" else 3)


def draw(paper: Paper, part: Part, told: Speaker) -> None:
    """The part's picture at the paper's place; moves below it."""
    if part.picture is None or part.table.empty:
        return
    top = paper.get_y()
    paper.set_font(FONT, size=8)
    _KINDS[part.picture.kind](paper, part, told)
    paper.set_xy(MARGIN, top + height(part))


def _number(row: Row, column: str) -> float | None:
    value = row.values[column]
    match value:
        case int():
            return float(value)
        case Share(share) if share is not None:
            return 100 * share
        case Span(seconds) if seconds is not None:
            return seconds / 60
    return None


def _width(paper: Paper) -> float:
    return float(paper.w) - 2 * MARGIN - NAMES - 22


def _name(paper: Paper, text: str, y: float) -> None:
    while paper.get_string_width(text) > NAMES - 2 and len(text) > 2:
        text = text[:-2] + "…"
    paper.set_text_color(*INK)
    paper.set_xy(MARGIN, y)
    paper.cell(NAMES - 2, BAR, text, align="R")


def _steps(paper: Paper, part: Part, told: Speaker) -> None:
    """A bar a column of the totals."""
    assert part.picture is not None and part.table.total is not None
    total, columns = part.table.total, part.picture.columns
    most = max((_number(total, column) or 0 for column in columns), default=0) or 1
    y = paper.get_y()
    for column in columns:
        number = _number(total, column)
        _name(paper, told.head(part.table, column), y)
        paper.set_fill_color(*COLOURS[0])
        long = _width(paper) * (number or 0) / most
        paper.rect(MARGIN + NAMES, y, max(long, 0.1), BAR, style="F")
        paper.set_xy(MARGIN + NAMES + long + 1, y)
        paper.cell(20, BAR, told.say(total.values[column]))
        y += BAR + GAP


def _legend(paper: Paper, titles: Sequence[str], y: float) -> None:
    x = MARGIN + NAMES
    for place, title in enumerate(titles):
        paper.set_fill_color(*COLOURS[place])
        paper.rect(x, y + 1.2, 3, 3, style="F")
        paper.set_text_color(*SOFT)
        paper.set_xy(x + 4, y)
        paper.cell(paper.get_string_width(title) + 6, 5, title)
        x = paper.get_x()


def _stacked(paper: Paper, part: Part, told: Speaker) -> None:
    """A bar a row, its columns side by side."""
    assert part.picture is not None
    rows, columns = part.table.rows[:MOST], part.picture.columns
    y = paper.get_y()
    _legend(paper, [told.head(part.table, column) for column in columns], y)
    y += 7
    most = max((sum(_number(row, column) or 0 for column in columns) for row in rows), default=0) or 1
    for row in rows:
        _name(paper, told.name(part.table, row), y)
        x = MARGIN + NAMES
        for place, column in enumerate(columns):
            long = _width(paper) * (_number(row, column) or 0) / most
            paper.set_fill_color(*COLOURS[place])
            if long:
                paper.rect(x, y, long, BAR, style="F")
            x += long
        y += BAR + GAP


def _line(paper: Paper, part: Part, told: Speaker) -> None:
    """Points a row, joined, a line a column."""
    assert part.picture is not None
    rows, columns = part.table.rows[:MOST], part.picture.columns
    y, high = paper.get_y(), 34.0
    unit = told.words("units", part.picture.unit) if part.picture.unit else ""
    _legend(paper, [f"{told.head(part.table, column)}（{unit}）" for column in columns], y)
    y += 8
    numbers = {column: [_number(row, column) for row in rows] for column in columns}
    most = max((one or 0 for line in numbers.values() for one in line), default=0) or 1
    step = _width(paper) / max(1, len(rows))
    paper.set_draw_color(*LINE)
    paper.line(MARGIN + NAMES, y + high, MARGIN + NAMES + _width(paper), y + high)
    for place, row in enumerate(rows):
        paper.set_text_color(*SOFT)
        paper.set_xy(MARGIN + NAMES + place * step, y + high + 1)
        paper.cell(step, 4, told.name(part.table, row), align="C")
    for place, column in enumerate(columns):
        points = [
            (MARGIN + NAMES + (at + 0.5) * step, y + high * (1 - one / most))
            for at, one in enumerate(numbers[column])
            if one is not None
        ]
        paper.set_draw_color(*COLOURS[place])
        paper.set_fill_color(*COLOURS[place])
        for (from_x, from_y), (to_x, to_y) in pairwise(points):
            paper.line(from_x, from_y, to_x, to_y)
        for x, up in points:
            paper.circle(x, up, 1, style="F")


def _estimates(part: Part) -> list[tuple[Row, Estimate]]:
    """The rows that have one."""
    column = part.picture.columns[0] if part.picture else ""
    rows = [(row, row.values.get(column)) for row in part.table.rows]
    return [(row, value) for row, value in rows if isinstance(value, Estimate)][:MOST]


def _intervals(paper: Paper, part: Part, told: Speaker) -> None:
    """A point and its interval a row; the upright line is nought."""
    rows = _estimates(part)
    reach = max((max(abs(of.low), abs(of.high)) for _, of in rows), default=0) or 1
    half, y = _width(paper) / 2, paper.get_y()
    middle = MARGIN + NAMES + half
    paper.set_draw_color(*LINE)
    paper.line(middle, y, middle, y + len(rows) * (BAR + GAP))
    for row, of in rows:
        _name(paper, told.name(part.table, row), y)
        colour = COLOURS[0] if of.sure else COLOURS[2]
        paper.set_draw_color(*colour)
        paper.set_fill_color(*colour)
        centre = y + BAR / 2
        paper.line(middle + half * of.low / reach, centre, middle + half * of.high / reach, centre)
        paper.circle(middle + half * of.value / reach, centre, 1.2, style="F")
        y += BAR + GAP


_KINDS: Mapping[str, Callable[[Paper, Part, Speaker], None]] = {
    "steps": _steps,
    "stacked": _stacked,
    "line": _line,
    "intervals": _intervals,
}
