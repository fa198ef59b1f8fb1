"""Tables of what was sent: the funnel, the comparison with the hold-out, the articles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from content.insight.figures.campaigns import HOLDOUT
from content.insight.figures.rows import ArticleRow, Reached
from content.insight.protect import Hidden
from content.insight.stats import difference, proportion
from content.insight.tables import Chain, Row, Share, Shown, Table, Value, Verdict, table

By = Literal["campaign", "audience", "article", "channel"]
BY: tuple[By, ...] = ("campaign", "audience", "article", "channel")
Outcome = Literal["fair", "booked", "noshow"]
OUTCOMES: tuple[Outcome, ...] = ("fair", "booked", "noshow")
STEPS = ("sent", "delivered", "counted", "opened", "finished", "back")


def funnel(rows: Sequence[Reached], by: By, limit: int) -> Table:
    """Patients step by step, by campaign, audience, article or channel. The steps up to `finished` are each part of the one before."""
    folded: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        # Who is not queued yet has no channel, maybe no article: nothing of theirs would count.
        if row.arm != HOLDOUT and (row.sent or getattr(row, by)):
            folded[str(getattr(row, by))].update({step: getattr(row, step) for step in STEPS})

    def shares(shown: Shown) -> Mapping[str, Value]:
        return {
            "opened_share": Share.of(shown["opened"], shown["counted"]),
            "finished_share": Share.of(shown["finished"], shown["opened"]),
            "back_share": Share.of(shown["back"], shown["sent"]),
        }

    # Who dropped out between sent and delivered is the vendor's doing and says nothing of a person: no link between the two.
    return table(
        "funnel",
        (*STEPS, "opened_share", "finished_share", "back_share"),
        sorted(((name, {step: counts[step] for step in STEPS}) for name, counts in folded.items())),
        limit,
        links=[Chain(("delivered", "counted", "opened", "finished")), Chain(("sent", "back"))],
        derive=shares,
        names="channels" if by == "channel" else "",
    )


def lift(rows: Sequence[Reached], outcome: Outcome, limit: int) -> Table:
    """Every campaign with a hold-out: how many of those it was sent to and of those held out, and the difference with its interval.

    Everybody drawn for an arm counts in it, sent to or not (as assigned): the draw is what makes the two alike. A comparison
    with a number under `limit` that is not nought is not shown.
    """
    base = "due" if outcome == "noshow" else "over"
    arms: dict[str, dict[bool, Counter[str]]] = defaultdict(lambda: {True: Counter(), False: Counter()})
    for row in rows:
        counted = {"people": getattr(row, base), "events": getattr(row, outcome), "planned": row.planned}
        arms[row.campaign][row.arm == HOLDOUT].update(counted)
    made = [
        Row(name, _compared(of[False], of[True], limit, less_is_good=outcome == "noshow"))
        for name, of in sorted(arms.items())
        if of[True]["planned"]
    ]
    columns = ("people", "share", "held_people", "held_share", "difference", "verdict")
    return Table("lift", columns, made)


def _compared(
    sent: Counter[str], held: Counter[str], limit: int, *, less_is_good: bool
) -> Mapping[str, Value]:
    pairs = [(arm["events"], arm["people"]) for arm in (sent, held)]
    people: list[Value] = [Hidden(small=True) if 0 < count < limit else count for _, count in pairs]
    nobody: dict[str, Value] = {"share": None, "held_share": None, "difference": None}
    if any(not count for _, count in pairs):
        return {"people": people[0], "held_people": people[1], **nobody, "verdict": Verdict("too_early")}
    if any(0 < number < limit for events, count in pairs for number in (events, count - events, count)):
        return {"people": people[0], "held_people": people[1], **nobody, "verdict": Verdict("too_few")}
    found = difference(*pairs)
    better = (found.value < 0) == less_is_good
    return {
        "people": people[0],
        "held_people": people[1],
        "share": proportion(*pairs[0]),
        "held_share": proportion(*pairs[1]),
        "difference": found,
        "verdict": Verdict("unsure" if not found.sure else "better" if better else "worse"),
    }


def articles(rows: Sequence[ArticleRow], limit: int) -> Table:
    """Every article: whom it reached by whatever way, and what they said of it."""
    columns = ("sent", "opened", "finished", "looks", "helpful", "unhelpful")

    def liked(shown: Shown) -> Mapping[str, Value]:
        yes, no = shown["helpful"], shown["unhelpful"]
        if isinstance(yes, Hidden) or isinstance(no, Hidden):
            return {"helpful_share": Share(None)}
        return {"helpful_share": Share.of(yes, yes + no)}

    return table(
        "articles",
        (*columns, "helpful_share"),
        [(row.title, {name: getattr(row, name) for name in columns}) for row in rows],
        limit,
        links=[Chain(("opened", "finished"))],
        derive=liked,
        total=False,
    )
