"""Small numbers are not shown, and cannot be computed from what is."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.insight.protect import Hidden, Sum, nested, protect
from content.insight.tables import TOTAL, Chain, Parts, Share, Table, table

LIMIT = 10
SMALL, OTHER = Hidden(True), Hidden(False)


def test_a_small_number_takes_a_second_one_with_it() -> None:
    counts = {"total": 135, "a": 100, "b": 30, "c": 5}
    shown = protect(counts, [Sum("total", ["a", "b", "c"])], LIMIT)
    assert shown == {"total": 135, "a": 100, "b": OTHER, "c": SMALL}


def test_two_small_ones_that_are_few_together_take_a_third() -> None:
    counts = {"total": 103, "a": 100, "b": 2, "c": 1}
    assert protect(counts, [Sum("total", ["a", "b", "c"])], LIMIT)["a"] == OTHER


def test_nought_and_large_numbers_are_shown() -> None:
    counts = {"total": 60, "a": 50, "b": 10, "c": 0}
    assert protect(counts, [Sum("total", ["a", "b", "c"])], LIMIT) == counts


def test_a_lone_part_takes_its_total_with_it() -> None:
    assert protect({"total": 4, "a": 4}, [Sum("total", ["a"])], LIMIT) == {"total": SMALL, "a": SMALL}


def test_who_did_not_is_protected_like_who_did() -> None:
    counts = {"sent": 100, "opened": 96}
    assert protect(counts, nested(["sent", "opened"], counts), LIMIT) == {"sent": 100, "opened": OTHER}
    counts = {"sent": 100, "opened": 100}
    assert protect(counts, nested(["sent", "opened"], counts), LIMIT) == counts


def made_of(rows: list[list[int]], total: bool = True) -> Table:
    """A table of `all` = a + b + c, and a chain all ≥ d."""
    given = [
        (f"row{number}", {"all": a + b + c, "a": a, "b": b, "c": c, "d": min(d, a + b + c)})
        for number, (a, b, c, d) in enumerate(rows)
    ]
    columns = ("all", "a", "b", "c", "d")
    links = [Parts("all", ("a", "b", "c")), Chain(("all", "d"))]
    return table("t", columns, given, LIMIT, links=links, total=total)


@given(
    st.lists(
        st.lists(st.one_of(st.integers(0, 12), st.integers(0, 200)), min_size=4, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_a_reader_with_pencil_and_paper_finds_no_small_number(rows: list[list[int]]) -> None:
    made = made_of(rows)
    truth = {
        (place, name): value
        for place, (a, b, c, d) in enumerate(rows)
        for name, value in {"all": a + b + c, "a": a, "b": b, "c": c, "d": min(d, a + b + c)}.items()
    }
    for name in made.columns:
        truth[TOTAL, name] = sum(truth[place, name] for place in range(len(rows)))
    assert made.total is not None
    lines = [*enumerate(made.rows), (TOTAL, made.total)]
    known = {
        (place, name): value
        for place, row in lines
        for name, value in row.values.items()
        if isinstance(value, int)
    }
    assert all(truth[key] == value for key, value in known.items())
    sums = [((place, "all"), [(place, name) for name in "abc"]) for place, _ in lines]
    sums += [((TOTAL, name), [(place, name) for place in range(len(rows))]) for name in made.columns]
    learned = True
    while learned:  # whoever knows all of a sum but one number knows that too
        learned = False
        for total, parts in sums:
            cells = [total, *parts]
            unknown = [key for key in cells if key not in known]
            if len(unknown) == 1:
                known[unknown[0]] = truth[unknown[0]]
                learned = True
    assert not [key for key, value in known.items() if 0 < value < LIMIT]
    for place, _ in lines:
        if (place, "all") in known and (place, "d") in known:
            assert not 0 < known[place, "all"] - known[place, "d"] < LIMIT


def test_shares_are_of_shown_numbers_only() -> None:
    assert Share.of(5, 20) == Share(0.25)
    assert Share.of(SMALL, 20) == Share.of(5, OTHER) == Share.of(0, 0) == Share(None)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_hidden_is_never_more_than_needed_for_one_small_cell(seed: int) -> None:
    """Of a large table with one small number, one more cell a row and column goes, no more."""
    chance = random.Random(seed)
    rows = [[chance.randint(40, 90) for _ in range(3)] + [0] for _ in range(5)]
    rows[2][1] = 3
    made = made_of(rows)
    hidden = [
        (place, name)
        for place, row in enumerate(made.rows)
        for name, value in row.values.items()
        if isinstance(value, Hidden)
    ]
    assert len(hidden) == 4
    assert all(
        any(a[0] == b[0] or a[1] == b[1] for b in hidden if b != a) for a, _ in combinations(hidden, 2)
    )
