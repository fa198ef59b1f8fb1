"""Figures as tables fit to be shown: small groups hidden, shares worked out from what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from content.insight.protect import Count, Hidden, Sum, nested, protect
from content.insight.stats import Estimate

TOTAL = -1
"""The place of the row of totals."""


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, 0 to 1; None where one of them is hidden, or nothing is there to be part of."""

    value: float | None

    @classmethod
    def of(cls, part: Count, whole: Count) -> Share:
        if isinstance(part, Hidden) or isinstance(whole, Hidden) or not whole:
            return cls(None)
        return cls(part / whole)


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds; None where there are none to be shown."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A mean mark, 1 to 5."""

    value: float | None


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean mark with its interval; None where it is not shown."""

    value: Estimate | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison says: a word of `verdicts` in words.yml."""

    code: str


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of work; None: nobody has said. `under`: fewer than these."""

    value: float | None
    under: bool = False


@dataclass(frozen=True, slots=True)
class Yuan:
    """Money; None where it cannot be told."""

    value: float | None


Value: TypeAlias = (
    int | float | Hidden | Share | Span | Mark | Mean | Estimate | Verdict | Hours | Yuan | None
)
Shown: TypeAlias = Mapping[str, Count]
"""A row's counts by column."""


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is a title from the database, or a word's code that `Table.names` says where to find."""

    name: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """`key` finds its title, columns and definitions in words.yml. `names`: the words the rows' names are codes of."""

    key: str
    columns: Sequence[str]
    rows: Sequence[Row]
    total: Row | None = None
    names: str = ""

    @property
    def empty(self) -> bool:
        return not self.rows


@dataclass(frozen=True, slots=True)
class Chain:
    """Columns each of which counts some of those in the column before."""

    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """The columns add up to `total`."""

    total: str
    columns: Sequence[str]


Link: TypeAlias = Chain | Parts
Derive: TypeAlias = Callable[[Shown], Mapping[str, Value]]
Cell: TypeAlias = tuple[int, str]


def table(
    key: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Mapping[str, int]]],
    limit: int,
    *,
    links: Sequence[Link] = (),
    derive: Derive | None = None,
    total: bool = True,
    names: str = "",
) -> Table:
    """A table of counts, protected as a whole. `derive` works out further columns from what is shown of a row."""
    given = list(rows)
    counted = list(given[0][1]) if given else []
    counts: dict[Cell, int] = {
        (place, column): values[column] for place, (_, values) in enumerate(given) for column in counted
    }
    sums: list[Sum[Cell]] = []
    places = list(range(len(given)))
    if total and given:
        for column in counted:
            counts[TOTAL, column] = sum(values[column] for _, values in given)
            sums.append(Sum((TOTAL, column), [(place, column) for place in places]))
        places.append(TOTAL)
    for place in places:
        sums += _links(place, links, counts)
    shown = protect(counts, sums, limit)

    def row(place: int, name: str) -> Row:
        counts_of = {column: shown[place, column] for column in counted}
        return Row(name, {**counts_of, **(derive(counts_of) if derive else {})})

    made = [row(place, name) for place, (name, _) in enumerate(given)]
    return Table(key, columns, made, row(TOTAL, "total") if total and given else None, names)


def _links(place: int, links: Sequence[Link], counts: Mapping[Cell, int]) -> list[Sum[Cell]]:
    found: list[Sum[Cell]] = []
    for link in links:
        cells = [(place, column) for column in link.columns]
        if isinstance(link, Chain):
            found += nested(cells, counts)
        else:
            found.append(Sum((place, link.total), cells))
    return found
