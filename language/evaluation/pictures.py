"""The report's pictures as SVG, drawn by matplotlib; text stays text, so that the reader's own fonts show the Chinese."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from language.evaluation.figures import Bin

MOST = 24
"""Labels drawn in a confusion picture: those with the most mistakes."""


def reliability(bins: Sequence[Bin]) -> str:
    """How often it was right against how sure it was; the closer to the diagonal, the more its confidence means."""
    figure = Figure(figsize=(4.2, 4.2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1)
    most = max(one.cases for one in bins)
    for one in bins:
        axes.scatter(one.confidence, one.accuracy, s=20 + 180 * one.cases / most, color="#0f766e", zorder=3)
    axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], color="#0f766e", linewidth=1)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="把握", ylabel="实际正确率")
    return _svg(figure)


def confusion(pairs: Sequence[tuple[str, str, int]]) -> str:
    """What was taken for what: rows are what it is, columns what was understood."""
    weight: dict[str, int] = {}
    for wanted, got, n in pairs:
        weight[wanted] = weight.get(wanted, 0) + n
        weight[got] = weight.get(got, 0) + n
    names = sorted(sorted(weight, key=lambda name: -weight[name])[:MOST])
    place = {name: n for n, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for wanted, got, n in pairs:
        if wanted in place and got in place:
            counts[place[wanted], place[got]] = n
    side = 1.6 + 0.34 * len(names)
    figure = Figure(figsize=(side, side))
    axes = figure.add_subplot()
    axes.imshow(counts, cmap="Oranges")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, str(int(count)), ha="center", va="center")
    axes.set(xlabel="理解成", ylabel="实际是")
    return _svg(figure)


def _svg(figure: Figure) -> str:
    with mpl.rc_context({"svg.fonttype": "none", "font.size": 9}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no Chinese glyphs here: the browser brings them
        out = io.StringIO()
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
