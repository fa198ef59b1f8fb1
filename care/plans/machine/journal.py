"""What a played plan did, entry by entry: as text that can be compared, and as a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import unified_diff

from care.plans.definition import Plan
from care.plans.errors import words as plan_words
from care.plans.machine.words import LANES, words
from care.plans.picture import Picture, Spot, draw


@dataclass(frozen=True, slots=True)
class Entry:
    """`at`: local. `lane`: one of `LANES`. `what` happened and `how` (way, state, reason); `text`: what was said, word for word."""

    at: datetime
    lane: str
    what: str
    how: str = ""
    text: str = ""
    tone: str = "sent"


@dataclass(frozen=True, slots=True)
class Part:
    """One persona's entries, in order of time."""

    said: str
    entries: Sequence[Entry]
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Journal:
    """A whole run. `anchor`: the day it was counted from; `days`: how many were played; `seconds`: how long that took."""

    plan: Plan
    anchor: date
    days: int
    parts: Sequence[Part]
    seconds: float = 0.0

    def totals(self) -> dict[str, int]:
        """Entries by lane, of all parts."""
        found = dict.fromkeys(LANES, 0)
        for part in self.parts:
            for one in part.entries:
                found[one.lane] += 1
        return {lane: count for lane, count in found.items() if count}


def as_text(journal: Journal) -> str:
    """The same run always says the same: no ids, no addresses, one entry a line, what was said beneath it."""
    plan = journal.plan
    lines = [
        words(
            "text", "head", title=plan.title, name=plan.name, version=plan.version, anchor=journal.anchor,
            from_=plan_words()("anchors", plan.anchor), days=journal.days,
        )
    ]  # fmt: skip
    for number, part in enumerate(journal.parts, 1):
        lines += ["", words("text", "part", number=number, said=part.said)]
        for one in part.entries:
            lines.append(_line(one, journal.anchor))
            lines += [f"      {line}" for line in one.text.splitlines()]
        lines.append(
            words("text", "end", status=part.status, reason=f"\uff1a{part.reason}" if part.reason else "")
        )
    counted = [
        words("text", "count", lane=words("lanes", lane), count=n) for lane, n in journal.totals().items()
    ]
    lines += ["", words("text", "totals", counts=words("text", "and").join(counted))]
    return "\n".join(lines) + "\n"


def _line(one: Entry, anchor: date) -> str:
    when = words(
        "text",
        "when",
        day=(one.at.date() - anchor).days,
        date=f"{one.at:%m-%d}",
        weekday=words("weekdays", one.at.weekday()),
        time=f"{one.at:%H:%M}",
    )
    return f"{when} [{words('lanes', one.lane)}] {one.what}{'  ' + one.how if one.how else ''}"


def as_picture(journal: Journal, part: Part) -> Picture:
    """One persona's run: a lane a way, the anchor's day at the left."""
    spots = []
    for one in part.entries:
        day = (one.at.date() - journal.anchor).days + (one.at.hour * 60 + one.at.minute) / 1440
        label = f"{_line(one, journal.anchor)} {one.text[:60]}".strip()
        short = words("short", one.lane)
        spots.append(Spot(day, one.lane, label, short, "", one.tone, faint=one.tone == "stopped"))
    return draw(spots, {lane: words("lanes", lane) for lane in LANES}, journal.days)


def compared(before: Journal, after: Journal) -> str:
    """What sets two runs apart, line by line, each with a line around it; empty: nothing."""
    old, new = (as_text(one).splitlines()[1:] for one in (before, after))
    found = [
        one for one in unified_diff(old, new, n=1, lineterm="") if not one.startswith(("---", "+++", "@@"))
    ]
    return "\n".join(found)
