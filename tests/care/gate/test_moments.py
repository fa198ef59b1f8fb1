"""The moment something is held until is the right one: not a second too early, not a second too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care.gate.burden import free_from
from care.gate.case import Case, make_case
from care.gate.facts import Facts
from care.gate.hours import OpenHours
from care.gate.rules import PUSHED, RANK, GateRules, parse_hours, parse_purposes
from care.gate.sent import Sent
from care.gate.waits import Waits
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate
from language.when.holidays import Holidays
from store.ids import new_id

SECOND = timedelta(seconds=1)
START = datetime(2026, 9, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 120 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
PURPOSES = st.sampled_from([*PUSHED, "reply", "staff_reply"])
RULES = GateRules(rest_days=parse_purposes("survey,marketing,follow_up"))


@given(purpose=PURPOSES, at=MOMENTS)
def test_the_next_opening_is_the_first(purpose: str, at: datetime) -> None:
    hours = OpenHours(RULES)
    opens = hours.next_open(purpose, at)
    assert opens >= at
    assert hours.next_open(purpose, opens) == opens
    if opens > at:
        assert hours.next_open(purpose, opens - SECOND) == opens


@given(
    ages=st.lists(st.integers(0, 200), max_size=20),
    cap=st.integers(1, 6),
    span=st.integers(1, 100),
    at=MOMENTS,
)
def test_a_rolling_cap_is_free_at_the_first_moment_it_can_be(
    ages: list[int], cap: int, span: int, at: datetime
) -> None:
    times = sorted(at - timedelta(hours=age) for age in ages)
    width = timedelta(hours=span)
    free = free_from(times, cap, width, at)

    def within(moment: datetime) -> int:
        return sum(time > moment - width for time in times)

    assert within(free) < cap
    assert free == at or within(free - SECOND) >= cap


def _case(purpose: str, channel: str, now: datetime, muted_until: datetime | None) -> Case:
    contact = Contact(
        channel=channel, account_id="a", holder="self", status="active", muted_until=muted_until
    )
    message = OutboundMessage(
        conversation_id=new_id(), patient_id=new_id(), purpose=purpose, priority=3, created_at=now
    )
    return make_case(Candidate(message, contact))


@settings(max_examples=300)
@given(
    purpose=PURPOSES,
    channel=st.sampled_from(["wechat", "sms"]),
    now=MOMENTS,
    muted=st.none() | st.integers(-100, 300),
    had=st.lists(st.tuples(st.integers(0, 240), st.sampled_from(PUSHED)), max_size=12),
)
def test_all_rules_together_let_it_go_at_the_moment_they_name(
    purpose: str,
    channel: str,
    now: datetime,
    muted: int | None,
    had: list[tuple[int, str]],
) -> None:
    until = now + timedelta(hours=muted) if muted is not None else None
    case = _case(purpose, channel, now, until)
    assert case.patient_id is not None
    sent = Sent()
    for hours, other in had:
        entry = (now - timedelta(hours=hours), RANK[other])
        sent.to_patient[case.patient_id].append(entry)
        sent.pushed[case.conversation_id].append(entry)
    waits = Waits(RULES, OpenHours(RULES))

    def asked(at: datetime) -> datetime | None:
        wait = waits.until(case, Facts(at, sent))
        return None if wait is None else wait[1]

    end = asked(now)
    if end is not None:
        assert end > now
        assert asked(end) is None, "held again at the very moment it was put off to"
        assert asked(end - SECOND) == end


def test_another_zone_and_its_summer_time() -> None:
    """Clocks go forward on 29 March 2026 in Berlin: nine o'clock is nine o'clock there."""
    hours = OpenHours(
        GateRules(
            zone=ZoneInfo("Europe/Berlin"), hours=parse_hours("survey 09:00-20:00"), rest_days=frozenset()
        )
    )
    evening = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    assert hours.next_open("survey", evening) == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    assert hours.next_open("education", evening) == evening


def test_a_table_without_working_days_is_named() -> None:
    days = {(START + timedelta(days=n)).date(): "封院" for n in range(60)}
    with pytest.raises(RuntimeError, match="holidays"):
        OpenHours(RULES, Holidays(days)).next_open("survey", START)
