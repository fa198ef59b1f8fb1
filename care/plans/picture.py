"""Where things stand on a timeline: an axis of days, a lane a kind, marks that do not cover each other. Pure geometry; pages draw it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH = 1000.0
LEFT, RIGHT = 92.0, 24.0
TOP, ROW, PAD = 30.0, 26.0, 6.0
APART = 24.0
"""Pixels two marks of one row keep from each other."""
TICKS = (1, 2, 7, 14, 28, 56, 91, 182, 364)
"""Days between two lines of the axis, the first that leaves room for its words."""
ROOM = 64.0


@dataclass(frozen=True, slots=True)
class Spot:
    """What is to be drawn: `day` from the anchor (part days count), in `lane`. `tone`: a style; `faint`: only on a condition."""

    day: float
    lane: str
    label: str
    short: str = ""
    href: str = ""
    tone: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A spot with its place."""

    spot: Spot
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    title: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    day: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All in the units of `viewBox="0 0 width height"`. `zero`: where the anchor's day is."""

    width: float
    height: float
    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    marks: Sequence[Mark]
    zero: float


def draw(spots: Iterable[Spot], lanes: Mapping[str, str], last: float) -> Picture:
    """`lanes`: code to title, in order; those without a spot are left out. `last`: the day the axis ends at least."""
    spots = sorted(spots, key=lambda one: one.day)
    first = min([0.0, *(one.day for one in spots)])
    last = max([first + 7, last, *(one.day for one in spots)])
    scale = (WIDTH - LEFT - RIGHT) / (last - first)

    def across(day: float) -> float:
        return round(LEFT + (day - first) * scale, 1)

    drawn: list[Lane] = []
    marks: list[Mark] = []
    y = TOP
    for code, title in lanes.items():
        mine = [one for one in spots if one.lane == code]
        if not mine:
            continue
        ends: list[float] = []
        for spot in mine:
            x = across(spot.day)
            row = next((n for n, end in enumerate(ends) if x - end >= APART), len(ends))
            ends[row : row + 1] = [x]
            marks.append(Mark(spot, x, y + PAD + ROW * row + ROW / 2))
        height = PAD * 2 + ROW * max(1, len(ends))
        drawn.append(Lane(code, title, y, height))
        y += height
    step = next((one for one in TICKS if one * scale >= ROOM), TICKS[-1])
    begin = -(int(-first) // step) * step
    ticks = [Tick(across(day), day) for day in range(begin, int(last) + 1, step)]
    return Picture(WIDTH, y + 4, drawn, ticks, marks, across(0))
