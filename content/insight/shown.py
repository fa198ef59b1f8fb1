"""How a value is said, on a page, in a file for spreadsheets and in a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from content.insight.period import Period
from content.insight.protect import Hidden
from content.insight.stats import Estimate
from content.insight.tables import Hours, Mark, Mean, Row, Share, Span, Table, Value, Verdict, Yuan
from web.words import Words

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "–"
"""Where there is nothing to be said."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """`limit`: from how many people on a count is shown."""

    words: Words
    limit: int

    def say(self, value: Value, column: str = "") -> str:
        """The value in words; `column` tells a difference of shares from a share."""
        match value:
            case None | Share(None) | Span(None) | Mark(None) | Mean(None) | Hours(None) | Yuan(None):
                return NOTHING
            case int():
                return f"{value:,}"
            case float():
                return f"{value:,.2f}"
            case Hours(hours, under):
                said = self.words("spans", "hours", n=f"{hours or 0:.1f}".removesuffix(".0"))
                return self.words("labels", "under", value=said) if under else said
            case Yuan(yuan):
                return self.words("labels", "yuan", value=f"{yuan or 0:,.1f}")
            case Hidden():
                code = "small" if value.small else "other"
                return self.words("hidden", code, limit=self.limit)
            case Share(share):
                return f"{share or 0:.1%}"
            case Span(seconds):
                return self._span(seconds or 0)
            case Mark(mean):
                return self.words("labels", "mark", value=f"{mean or 0:.2f}")
            case Mean(Estimate() as mean):
                numbers = [f"{number:.2f}" for number in (mean.value, mean.low, mean.high)]
                return self.words("labels", "interval", value=numbers[0], low=numbers[1], high=numbers[2])
            case Estimate():
                if column in ("difference", "nps"):
                    numbers = [
                        f"{round(100 * number, 1) + 0.0:+.1f}"
                        for number in (value.value, value.low, value.high)
                    ]  # without + 0.0 it might say -0.0
                else:
                    numbers = [f"{number:.1%}" for number in (value.value, value.low, value.high)]
                said = "difference" if column in ("difference", "nps") else "interval"
                return self.words("labels", said, value=numbers[0], low=numbers[1], high=numbers[2])
            case Verdict():
                return self.words("verdicts", value.code)
        raise TypeError(f"nobody says {value!r}")

    def _span(self, seconds: int) -> str:
        for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
            if seconds >= size:
                return self.words("spans", name, n=f"{seconds / size:.1f}".removesuffix(".0"))
        return self.words("spans", "seconds", n=seconds)

    @staticmethod
    def number(value: Value) -> str:
        """For a picture: the plain number, empty where none is shown; shares in per cent, spans in minutes, an estimate's three."""
        match value:
            case int():
                return str(value)
            case Share(share) if share is not None:
                return f"{100 * share:.1f}"
            case Span(seconds) if seconds is not None:
                return f"{seconds / 60:.1f}"
            case Mark(float(mean)) | Yuan(float(mean)):
                return f"{mean:.2f}"
            case Hours(float(hours)):
                return f"{hours:.2f}"
            case Estimate():
                return " ".join(f"{100 * number:.2f}" for number in (value.value, value.low, value.high))
        return ""

    def name(self, of: Table, row: Row) -> str:
        """What the row is called."""
        if row is of.total:
            return self.words("names", "total")
        return self.words(of.names, row.name) if of.names else row.name

    def head(self, of: Table, column: str) -> str:
        return self.words("columns", f"{of.key}.{column}")

    def month(self, month: date) -> str:
        return self.words("labels", "month", year=month.year, month=month.month)

    def period(self, period: Period) -> str:
        months = period.months
        if len(months) == 1:
            return self.month(months[0])
        return self.words("labels", "months", first=self.month(months[0]), last=self.month(months[-1]))

    def definition(self, code: str, days: int) -> str:
        return self.words("definitions", code, days=days, limit=self.limit)

    def lines(self, of: Table, first: str) -> list[list[str]]:
        """The table as texts: heads, rows, totals."""
        rows = [*of.rows, *([of.total] if of.total else [])]
        return [
            [first, *(self.head(of, column) for column in of.columns)],
            *(
                [self.name(of, row), *(self.say(row.values[column], column) for column in of.columns)]
                for row in rows
            ),
        ]


def speaker(limit: int) -> Speaker:
    """With the words of this folder."""
    return Speaker(Words(TEMPLATES / "words.yml"), limit)
