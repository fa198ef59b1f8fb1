"""What is evaluated: triage, times, the safety screen and the FAQ retriever, each on rows of labelled text.

Rows: triage `{"text", "department"}` · when `{"text", "start", "end"}` (null: no time is said; `now` or `reference_time` when
it is said; instead of one answer, `entities[].candidates` as accepted ones) · screen `{"text", "label", "category"?}` · faq
`{"query", "id"}` (null: no entry answers it) · sentiment `{"text", "sentiment"}` (angry, unhappy,
neutral, happy) · intents `{"text", "intent"}` with what the engine made of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from language.evaluation.figures import (
    NOTHING,
    Case,
    Evaluation,
    calibration,
    classified,
    expected_error,
)
from language.retrieve import Hit
from language.screen import Ear, screen
from language.sentiment import Judged
from language.triage import contract_row as triage_row
from language.when import contract_row as when_row

Row = dict[str, Any]
DANGER = ("emergency", "crisis")


def intents(rows: Sequence[Row], parsed: Sequence[Row]) -> Evaluation:
    """`parsed` are lines of the `parse` command for `rows`, in the same order."""
    return classified(
        "intents",
        [
            Case(
                row["text"], row["intent"], one["intent"], float(one["confidence"]), str(row.get("part", ""))
            )
            for row, one in zip(rows, parsed, strict=True)
        ],
    )


def triage(rows: Sequence[Row], ear: Ear | None = None) -> Evaluation:
    """First department, first three, and how far its confidence can be believed."""
    cases = []
    for row in rows:
        said = triage_row(row["text"], ear)
        names = tuple(said["departments"])
        cases.append(
            Case(
                row["text"], row["department"], names[0] if names else NOTHING, said["confidence"], "", names
            )
        )
    return classified("triage", cases)


def when(rows: Sequence[Row], now: datetime) -> Evaluation:
    """Start and end must both be right. A wrong time counts worse than none: both shares are given."""
    cases = []
    for row in rows:
        moment = datetime.fromisoformat(row.get("now") or row.get("reference_time") or now.isoformat())
        said = when_row(row["text"], moment)
        got = _span(said["start"], said["end"])
        if not (accepted := _accepted(row)):
            continue  # a duration, a rhythm: no span to judge
        wanted = got if got in accepted else accepted[0]
        cases.append(Case(row["text"], wanted, got, None, "、".join(row.get("tags", ()))))
    made = classified("when", cases)
    silent = [case.got == NOTHING != case.wanted for case in cases]
    numbers = {
        "cases": made.numbers["cases"],
        "accuracy": made.numbers["accuracy"],
        "asked_again": float(np.mean(silent)),
        "wrong": 1 - made.numbers["accuracy"] - float(np.mean(silent)),
    }
    return replace(made, numbers=numbers, labels=(), confusion=())


def _span(start: str | None, end: str | None) -> str:
    return f"{start} – {end}" if start and end else NOTHING


def _accepted(row: Row) -> list[str]:
    if "entities" not in row:
        return [_span(row.get("start"), row.get("end"))]
    if not row["entities"]:
        return [NOTHING]
    candidates = [one for entity in row["entities"] for one in entity["candidates"]]
    return [_span(one["start"], one["end"]) for one in candidates if "start" in one and "end" in one]


def safety(rows: Sequence[Row], ear: Ear | None = None) -> Evaluation:
    """Recall over danger (either kind found counts: both alarm), false alarms over the rest, and each category."""
    cases = []
    for row in rows:
        found = screen(row["text"], ear)
        cases.append(Case(row["text"], row["label"], found.verdict, None, str(row.get("category", ""))))
    made = classified("screen", cases)
    danger = [case for case in cases if case.wanted in DANGER]
    ordinary = [case for case in cases if case.wanted not in DANGER]
    numbers = {"cases": float(len(cases)), "danger": float(len(danger)), "ordinary": float(len(ordinary))}
    if danger:
        numbers["recall"] = float(np.mean([case.got in DANGER for case in danger]))
    if ordinary:
        numbers["false_alarms"] = float(np.mean([case.got in DANGER for case in ordinary]))
    return replace(made, numbers={**numbers, "right_kind": made.numbers["accuracy"]})


def sentiment(rows: Sequence[Row], judge: Callable[[str], Judged]) -> Evaluation:
    """The mood, and of the angry how many open a complaint (recall), of the calm how many do as well (false)."""
    cases, angry, calm = [], [], []
    for row in rows:
        said = judge(row["text"])
        cases.append(Case(row["text"], row["sentiment"], said.mood, said.confidence))
        if row["sentiment"] == "angry":
            angry.append(said.complaint)
        elif row["sentiment"] in ("neutral", "happy"):
            calm.append(said.complaint)
    made = classified("sentiment", cases)
    numbers = dict(made.numbers)
    if angry:
        numbers["complaint_recall"] = float(np.mean(angry))
    if calm:
        numbers["false_complaints"] = float(np.mean(calm))
    return replace(made, numbers=numbers)


def faq(
    rows: Sequence[Row], search: Callable[[str, int], Sequence[Hit]], answer_from: float, name: str = "faq"
) -> Evaluation:
    """Recall at 1 and 3 and mean reciprocal rank of what has an entry; how often what has none is answered all the same."""
    cases, unanswerable, believed = [], [], []
    for row in rows:
        hits = list(search(row["query"], 10))
        names = tuple(hit.id for hit in hits)
        score = hits[0].score if hits else 0.0
        # How far the score can be believed is asked of every question: is the first hit the right entry?
        believed.append(
            Case(row["query"], str(row["id"] or NOTHING), names[0] if names else "", score if names else None)
        )
        if row["id"] is None:
            unanswerable.append(
                Case(row["query"], NOTHING, names[0] if score >= answer_from else NOTHING, score)
            )
        else:
            cases.append(Case(row["query"], row["id"], names[0] if names else NOTHING, score, "", names))
    made = classified(name, cases)
    ranks = [case.ranked.index(case.wanted) + 1 if case.wanted in case.ranked else 0 for case in cases]
    sure = [case for case in cases if (case.confidence or 0.0) >= answer_from]
    bins = calibration(believed)
    numbers = {
        "cases": float(len(cases)),
        "recall_1": made.numbers["accuracy"],
        "recall_3": made.numbers["top_3"],
        "mrr": float(np.mean([1 / rank if rank else 0.0 for rank in ranks])),
        "answered": len(sure) / len(cases),
        "answered_rightly": float(np.mean([case.right for case in sure])) if sure else 0.0,
        "calibration_error": expected_error(bins),
        "unanswerable": float(len(unanswerable)),
    }
    if unanswerable:
        numbers["wrongly_answered"] = float(np.mean([not case.right for case in unanswerable]))
    wrong = sorted(
        (*made.worst, *(one for one in unanswerable if not one.right)), key=lambda c: -(c.confidence or 0)
    )
    return replace(made, numbers=numbers, labels=(), reliability=bins, worst=tuple(wrong))


def needs(kind: str) -> tuple[str, ...]:
    """The fields a row of `kind` must have."""
    return {
        "intents": ("text", "intent"),
        "triage": ("text", "department"),
        "when": ("text",),
        "screen": ("text", "label"),
        "sentiment": ("text", "sentiment"),
        "faq": ("query", "id"),
        "articles": ("query", "id"),
    }[kind]


def checked(kind: str, rows: Iterable[Row], where: str) -> list[Row]:
    """The rows; raises `ValueError` naming the line that lacks a field."""
    held = []
    for number, row in enumerate(rows, 1):
        if missing := [name for name in needs(kind) if name not in row]:
            raise ValueError(f"{where} line {number}: needs {', '.join(missing)} to judge {kind}")
        held.append(row)
    return held
