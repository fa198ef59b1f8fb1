"""By when people see to a task: one table, in the desk's hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from care.desk.due import WITHIN, due_at, soon
from care.desk.hours import DutyHours
from care.desk.models import TaskKind
from store.clock import VirtualClock

HOURS = DutyHours.parse("Mon-Fri 08:00-12:00 13:30-17:30")
NEVER = DutyHours.parse("")
MONDAY_10 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FRIDAY_20 = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
MONDAY_8 = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)


def test_every_kind_has_its_time() -> None:
    assert set(WITHIN) == set(TaskKind)


@pytest.mark.parametrize("kind", sorted(set(TaskKind) - {TaskKind.ALERT}))
def test_on_duty_from_now_off_duty_from_the_next_start(kind: TaskKind, clock: VirtualClock) -> None:
    assert due_at(kind, MONDAY_10, clock=clock, hours=HOURS) == MONDAY_10 + WITHIN[kind]
    assert due_at(kind, FRIDAY_20, clock=clock, hours=HOURS) == MONDAY_8 + WITHIN[kind]


def test_an_alarm_waits_for_nobody(clock: VirtualClock) -> None:
    assert due_at(TaskKind.ALERT, FRIDAY_20, clock=clock, hours=HOURS) == FRIDAY_20


def test_what_was_promised_is_the_houses_promise(clock: VirtualClock) -> None:
    promised = timedelta(minutes=10)
    due = due_at(TaskKind.HUMAN_REQUEST, MONDAY_10, clock=clock, hours=HOURS, answer_within=promised)
    assert due == MONDAY_10 + promised
    due = due_at(TaskKind.CALL, MONDAY_10, clock=clock, hours=HOURS, answer_within=promised)
    assert due == MONDAY_10 + WITHIN[TaskKind.CALL]


def test_without_hours_there_is_a_time_all_the_same(clock: VirtualClock) -> None:
    due = due_at(TaskKind.COMPLAINT, MONDAY_10, clock=clock, hours=NEVER)
    assert due == MONDAY_10 + timedelta(days=1) + WITHIN[TaskKind.COMPLAINT]
    assert soon(TaskKind.COMPLAINT, MONDAY_10) == MONDAY_10 + WITHIN[TaskKind.COMPLAINT]
