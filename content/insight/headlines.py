"""The few numbers a reader looks at first."""

from __future__ import annotations

from dataclasses import dataclass

from content.insight import book
from content.insight.book import Choice
from content.insight.figures.rows import Figures
from content.insight.period import Period
from content.insight.tables import Value

TILES = (
    ("campaigns", "funnel", "sent", "opened_share"),
    ("campaigns", "funnel", "back", "back_share"),
    ("visits", "visits", "all", "noshow_share"),
    ("visits", "marks", "answers", "satisfied_share"),
    ("talks", "talks", "talks", "alone_share"),
    ("talks", "waits", "asked", "median"),
)
"""Section, table, the count and the share beside it; all of the row of totals."""


@dataclass(frozen=True, slots=True)
class Headline:
    section: str
    table: str
    columns: tuple[str, str]
    count: Value
    share: Value


def headlines(of: Figures, period: Period, limit: int) -> list[Headline]:
    """The tiles, in their order; those of empty tables say nought."""
    made = {key: book.PARTS[key](of, period, Choice(), limit).table for _, key, _, _ in TILES}
    found = []
    for section, key, count, share in TILES:
        total = made[key].total
        values = total.values if total is not None else {}
        found.append(Headline(section, key, (count, share), values.get(count, 0), values.get(share)))
    return found
