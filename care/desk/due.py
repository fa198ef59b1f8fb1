"""By when people have to see to a task: one table, counted from when somebody is on duty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from care.desk.hours import DutyHours
from care.desk.models import TaskKind
from store.clock import Clock

WITHIN: Mapping[TaskKind, timedelta] = {
    TaskKind.ALERT: timedelta(0),
    TaskKind.HUMAN_REQUEST: timedelta(minutes=30),
    TaskKind.DEAD_LETTER: timedelta(minutes=30),
    TaskKind.MEDIA: timedelta(hours=1),
    TaskKind.VOICE: timedelta(minutes=30),
    TaskKind.COMPLAINT: timedelta(hours=1),
    TaskKind.CALL: timedelta(hours=1),
    TaskKind.UNCERTAIN_SEND: timedelta(hours=1),
    TaskKind.CORRECTION: timedelta(hours=8),
    TaskKind.PRIVACY: timedelta(days=3),
    TaskKind.FOLLOW_UP: timedelta(days=1),
}
"""Time a person has once on duty; ours."""
AT_ANY_HOUR = frozenset({TaskKind.ALERT})
"""What does not wait for somebody to come on duty."""
NOBODY = timedelta(days=1)
"""Added where no duty hours are set at all."""


PROMISED = frozenset({TaskKind.HUMAN_REQUEST, TaskKind.DEAD_LETTER})
"""Where the patient was told by when: the house may promise another time than `WITHIN`."""


def soon(kind: TaskKind, now: datetime) -> datetime:
    """`WITHIN` from now, whoever is on duty."""
    return now + WITHIN[kind]


def due_at(
    kind: TaskKind,
    now: datetime,
    *,
    clock: Clock,
    hours: DutyHours,
    answer_within: timedelta | None = None,
) -> datetime:
    """Aware UTC: `WITHIN` from now while somebody is on duty, else from the next start."""
    within = WITHIN[kind] if kind not in PROMISED or answer_within is None else answer_within
    if kind in AT_ANY_HOUR:
        return now + within
    promised = hours.answer_by(clock.local_naive(now), within)
    return clock.to_utc(promised) if promised is not None else now + NOBODY + within
