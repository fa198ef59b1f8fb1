"""`Plan`: everything an editor says about a campaign, as one plain value, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from content.campaigns.errors import CampaignError
from content.campaigns.kinds import (
    ARMS,
    CODED,
    EVENTS,
    EVERY_MOST,
    HOLDOUT_MOST,
    LATE_MOST,
    LATE_OF,
    OFFSET_MOST,
    PURPOSES,
    TRIALS,
    VALID_MOST,
    Anchor,
    Choosing,
    Goal,
    Kind,
    Late,
    Unit,
)

_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.x]{0,9}")
NAME_MOST, NOTE_MOST, CODES_MOST = 60, 300, 20


@dataclass(frozen=True, slots=True)
class Variant:
    """One text: an article and its revision."""

    article_id: UUID
    revision: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The fields of `Campaign` an editor decides, and its variants in the order of their arms. Times are aware; `at_time` is "09:30"."""

    name: str
    kind: Kind
    audience_version_id: UUID
    variants: tuple[Variant, ...]
    purpose: str = "education"
    note: str = ""
    holdout_percent: int = 0
    choosing: Choosing = Choosing.EVEN
    goal: Goal = Goal.OPENED
    start_at: datetime | None = None
    end_at: datetime | None = None
    every: int | None = None
    unit: Unit | None = None
    at_time: str | None = None
    event_kind: str | None = None
    anchor: Anchor | None = None
    offset_days: int = 0
    codes: tuple[str, ...] = ()
    late: Late = Late.SKIP
    late_days: int = 0
    valid_days: int = 7


def problems(plan: Plan) -> Iterator[CampaignError]:
    """Everything that keeps the plan from being saved, a field each where it can be said."""
    if not plan.name.strip() or len(plan.name) > NAME_MOST:
        yield CampaignError("name", "name", most=NAME_MOST)
    if len(plan.note) > NOTE_MOST:
        yield CampaignError("note", "note", most=NOTE_MOST)
    if plan.purpose not in PURPOSES:
        yield CampaignError("purpose", "purpose")
    if not 1 <= plan.valid_days <= VALID_MOST:
        yield CampaignError("valid_days", "valid_days", most=VALID_MOST)
    yield from _trials(plan)
    yield from _when(plan)
    yield from _late(plan)


def _trials(plan: Plan) -> Iterator[CampaignError]:
    """Hold-outs and variants never touch reminders, follow-up or safety."""
    if not 1 <= len(plan.variants) <= len(ARMS):
        yield CampaignError("variants", "variants", most=len(ARMS))
    if len({one.article_id for one in plan.variants}) < len(plan.variants):
        yield CampaignError("same_variant", "variants")
    if not 0 <= plan.holdout_percent <= HOLDOUT_MOST:
        yield CampaignError("holdout", "holdout_percent", most=HOLDOUT_MOST)
    if plan.purpose not in TRIALS:
        if plan.holdout_percent:
            yield CampaignError("no_holdout", "holdout_percent")
        if len(plan.variants) > 1:
            yield CampaignError("no_variants", "variants")


def _when(plan: Plan) -> Iterator[CampaignError]:
    if plan.at_time is not None and not _TIME.fullmatch(plan.at_time):
        yield CampaignError("at_time", "at_time")
    if plan.start_at and plan.end_at and plan.end_at <= plan.start_at:
        yield CampaignError("end_first", "end_at")
    match plan.kind:
        case Kind.SCHEDULED:
            if plan.start_at is None:
                yield CampaignError("start_needed", "start_at")
        case Kind.RECURRING:
            if plan.start_at is None:
                yield CampaignError("start_needed", "start_at")
            if plan.unit is None or plan.every is None or not 1 <= plan.every <= EVERY_MOST[plan.unit]:
                most = EVERY_MOST[plan.unit or Unit.DAY]
                yield CampaignError("every", "every", most=most)
            if plan.at_time is None:
                yield CampaignError("at_time", "at_time")
        case Kind.EVENT:
            if plan.event_kind not in EVENTS:
                yield CampaignError("event", "event_kind")
            if not 0 <= plan.offset_days <= OFFSET_MOST:
                yield CampaignError("event_offset", "offset_days", most=OFFSET_MOST)
            elif plan.offset_days and plan.at_time is None:
                yield CampaignError("at_time", "at_time")
        case Kind.RELATIVE:
            if plan.anchor is None:
                yield CampaignError("anchor", "anchor")
            if abs(plan.offset_days) > OFFSET_MOST:
                yield CampaignError("offset", "offset_days", most=OFFSET_MOST)
            if plan.at_time is None:
                yield CampaignError("at_time", "at_time")
        case Kind.ONCE:
            pass
    if plan.codes:
        coded = plan.event_kind in CODED or plan.anchor in CODED
        if not coded or len(plan.codes) > CODES_MOST or not all(map(_CODE.fullmatch, plan.codes)):
            yield CampaignError("codes", "codes")


def _late(plan: Plan) -> Iterator[CampaignError]:
    if plan.late not in LATE_OF[plan.kind]:
        yield CampaignError("late", "late")
    if plan.late is Late.CATCH_UP and not 1 <= plan.late_days <= LATE_MOST:
        yield CampaignError("late_days", "late_days", most=LATE_MOST)
