"""Tables of care plans."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from care.plans.models import AHEAD, LIVE, PlanStatus, TouchStatus
from content.insight.figures.rows import PlanRow, TouchRow
from content.insight.protect import Hidden
from content.insight.tables import Chain, Parts, Share, Shown, Table, Value, table

ASKS = ("questionnaire", "offer", "call")
"""Touches somebody can answer."""


def plans(rows: Sequence[PlanRow], limit: int) -> Table:
    """Care plans and how they stand."""
    parts = ("running", "completed", "ended")
    states = {
        **dict.fromkeys(LIVE, "running"),
        PlanStatus.COMPLETED: "completed",
        PlanStatus.REVOKED: "ended",
    }
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        folded[row.title].update({states[PlanStatus(row.status)]: row.number, "all": row.number})
    made = [(title, {name: counts[name] for name in ("all", *parts)}) for title, counts in folded.items()]
    return table("plans", ("all", *parts), made, limit, links=[Parts("all", parts)])


def touches(rows: Sequence[TouchRow], limit: int) -> Table:
    """Touches by plan: answered, gone out, still ahead, dropped with a reason."""
    parts = ("answered", "out", "ahead", "dropped")
    states = {
        TouchStatus.ANSWERED: "answered",
        TouchStatus.SENT: "out",
        TouchStatus.DONE: "out",
        **dict.fromkeys(AHEAD, "ahead"),
        TouchStatus.SKIPPED: "dropped",
        TouchStatus.CANCELLED: "dropped",
    }
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        became = states[TouchStatus(row.status)]
        # A call that was made is an answer; the call list says what came of it.
        if row.kind == "call" and row.status == TouchStatus.DONE:
            became = "answered"
        asked = row.number if row.kind in ASKS and became in ("answered", "out") else 0
        folded[row.title].update({became: row.number, "all": row.number, "asked": asked})

    def answered(shown: Shown) -> Mapping[str, Value]:
        yes, asked = shown["answered"], shown["asked"]
        hidden = isinstance(yes, Hidden) or isinstance(asked, Hidden)
        return {"answered_share": Share(None) if hidden else Share.of(yes, asked)}

    columns = ("all", *parts, "asked")
    return table(
        "touches",
        (*columns, "answered_share"),
        [(title, {name: counts[name] for name in columns}) for title, counts in folded.items()],
        limit,
        links=[Parts("all", parts), Chain(("asked", "answered"))],
        derive=answered,
    )
