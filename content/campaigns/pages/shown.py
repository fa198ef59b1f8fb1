"""What a campaign's page shows of its progress, its texts against each other, and what was done with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from uuid import UUID

from content.campaigns import learn
from content.campaigns.errors import say
from content.campaigns.kinds import Choosing, Kind, State
from content.campaigns.models import Campaign, CampaignLaunch, CampaignStep, CampaignVariant
from content.campaigns.pages.said import WORDS
from content.campaigns.times import occurrence_at
from store.clock import Clock

OPEN = ("planned", "queued")
"""States somebody still waits in."""
SOON, SCAN = 3, 2_000
Z = 1.959964
"""Of the normal distribution, 95 %."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A number with its label; `href` leads to who they are."""

    label: str
    count: int
    href: str
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """How far a campaign is. `writing`: its list is being made, `written` of about `expected` people."""

    said: str
    people: int
    handled: int
    bars: Sequence[Bar]
    reasons: Sequence[Bar]
    writing: bool
    written: int
    expected: int

    @property
    def percent(self) -> int:
        return 100 * self.handled // self.people if self.people else 0


def now_of(row: Campaign, launches: Sequence[CampaignLaunch], reasons: Sequence[Bar]) -> Now:
    """From the counts the campaign keeps and its launches, the newest first."""
    counts = row.counts
    people = sum(counts.values())
    waiting = sum(counts.get(one, 0) for one in OPEN)
    making = next((one for one in launches if one.state == "making"), None)
    path = f"/content/campaigns/{row.id}/recipients?state="
    bars = [
        Bar(say("recipient_states", state), counts[state], f"{path}{state}", about["hint"], about["tone"])
        for state, about in WORDS["recipients"].items()
        if counts.get(state)
    ]
    return Now(
        said=WORDS["now"][_stage(row, launches, making, waiting)],
        people=people,
        handled=people - waiting,
        bars=bars,
        reasons=reasons,
        writing=making is not None and row.state == State.RUNNING,
        written=making.done if making is not None else 0,
        expected=max(making.total or making.done or 1, making.done) if making is not None else 1,
    )


def _stage(
    row: Campaign, launches: Sequence[CampaignLaunch], making: CampaignLaunch | None, waiting: int
) -> str:
    if row.state != State.RUNNING:
        return str(row.state)
    if making is not None:
        return "making"
    if waiting:
        return "sending"
    if launches or row.counts:
        return "between"
    return "soon" if row.kind == Kind.ONCE else "waiting"


@dataclass(frozen=True, slots=True)
class Arm:
    """A text with what is known of it. `low` and `high`: Wilson's 95 % interval of the share, 0 to 1."""

    name: str
    trials: int
    successes: int
    share: float
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.successes / self.trials if self.trials else 0.0

    @property
    def percent(self) -> str:
        return f"{100 * self.rate:.1f}%"


def arm_name(arm: str) -> str:
    return str(WORDS["labels"]["arm"]).format(arm=arm.upper())


def arms_of(variants: Sequence[CampaignVariant], titles: Mapping[UUID, str]) -> list[Arm]:
    return [
        Arm(
            f"{arm_name(one.arm)}《{titles.get(one.article_id, '')}》",
            one.trials,
            one.successes,
            one.share,
            *interval(one.successes, one.trials),
        )
        for one in variants
    ]


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval for a share (Wilson 1927; Agresti and Coull 1998), 0 to 1; everything where nothing is known."""
    if not trials:
        return 0.0, 1.0
    rate, squared = successes / trials, Z * Z
    middle = (rate + squared / (2 * trials)) / (1 + squared / trials)
    half = Z / (1 + squared / trials) * math.sqrt(rate * (1 - rate) / trials + squared / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def arms_said(row: Campaign, variants: Sequence[CampaignVariant]) -> list[str]:
    """How the texts are shared out, and what is known so far, the conclusion first."""
    about = str(WORDS["arms"][row.choosing])
    return [*learn.explain(row, variants), about] if row.choosing == Choosing.THOMPSON else [about]


def upcoming(row: Campaign, clock: Clock) -> list[str]:
    """The next few moments of what comes again and again, in words; none for the others."""
    if row.kind != Kind.RECURRING or row.start_at is None or row.every is None:
        return []
    now, found = clock.now(), list[datetime]()
    for number in count(1):
        at = occurrence_at(row, clock, number)
        if len(found) == SOON or number > SCAN or (row.end_at is not None and at >= row.end_at):
            break
        found += [at] if at > now else []
    shown = [clock.local(one) for one in found]
    return [f"{at:%m-%d} {WORDS['weekdays'][at.weekday()]} {at.hour}:{at:%M}" for at in shown]


@dataclass(frozen=True, slots=True)
class Step:
    """What was done; the same thing by the same person in a row is one line."""

    action: str
    staff_id: UUID | None
    at: datetime
    note: str
    times: int


def steps_of(steps: Sequence[CampaignStep]) -> list[Step]:
    """The newest first, as they come."""
    found: list[Step] = []
    for one in steps:
        last = found[-1] if found else None
        if last is not None and (last.action, last.staff_id) == (one.action, one.staff_id) and not one.note:
            found[-1] = Step(last.action, last.staff_id, last.at, last.note, last.times + 1)
        else:
            found.append(Step(one.action, one.staff_id, one.at, one.note, 1))
    return found
