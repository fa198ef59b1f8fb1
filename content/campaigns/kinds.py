"""What a campaign can be: its kinds, states, rules and what each allows."""

from __future__ import annotations

from enum import StrEnum

from content.campaigns.models import UNTOUCHED


class Kind(StrEnum):
    """When it sends. `ONCE`: when it is started; `EVENT`: when something happens; `RELATIVE`: by a date in the record."""

    ONCE = "once"
    SCHEDULED = "scheduled"
    RECURRING = "recurring"
    EVENT = "event"
    RELATIVE = "relative"


class State(StrEnum):
    """draft → submitted → approved → running ⇄ paused → done; aborted from any of the last three but done."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"


class Late(StrEnum):
    """What becomes of who or what comes late; see `late.py`."""

    SKIP = "skip"
    CATCH_UP = "catch_up"
    NEXT = "next"


class Unit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Choosing(StrEnum):
    """How variants are shared out."""

    EVEN = "even"
    THOMPSON = "thompson"


class Goal(StrEnum):
    """What Thompson sampling counts as a success."""

    OPENED = "opened"
    FINISHED = "finished"
    HELPFUL = "helpful"


class Anchor(StrEnum):
    """A date in the record (`care.records`, `Condition`). `DUE` is 280 days after the first day of the last period (Naegele's
    rule; ACOG Committee Opinion 700, 2017)."""

    DIAGNOSIS = "diagnosis"
    SURGERY = "surgery"
    PLANNED_SURGERY = "planned_surgery"
    ADMISSION = "admission"
    DISCHARGE = "discharge"
    VISIT = "visit"
    LMP = "lmp"
    DUE = "due"
    BIRTH = "birth"


TRIALS = ("education", "survey", "marketing")
"""Purposes of which somebody may be held out, and whose texts may be tried against each other."""
PURPOSES = (*TRIALS, *UNTOUCHED)
LATE_OF = {
    Kind.ONCE: (Late.SKIP, Late.CATCH_UP),
    Kind.SCHEDULED: (Late.SKIP, Late.CATCH_UP),
    Kind.RECURRING: (Late.SKIP, Late.CATCH_UP, Late.NEXT),
    Kind.EVENT: (Late.SKIP, Late.CATCH_UP),
    Kind.RELATIVE: (Late.SKIP, Late.CATCH_UP),
}
EVENTS = (
    "condition.diagnosed",
    "procedure.performed",
    "encounter.finished",
    "encounter.admitted",
    "encounter.discharged",
    "pregnancy.registered",
    "pregnancy.birth",
)
"""Kinds of `patient_event` a campaign may answer (`care.records.service.events_of`)."""
CODED = {
    "condition.diagnosed",
    "procedure.performed",
    Anchor.DIAGNOSIS,
    Anchor.SURGERY,
    Anchor.PLANNED_SURGERY,
}
"""Events and dates that codes can narrow."""
HOLDOUT_MOST = 50
ARMS = "abc"
LATE_MOST, VALID_MOST, OFFSET_MOST = 90, 30, 400
EVERY_MOST = {Unit.DAY: 60, Unit.WEEK: 26, Unit.MONTH: 12}


def key_of(campaign_id: object) -> str:
    """`outbound_message.campaign` of its messages."""
    return f"campaign:{campaign_id}"
