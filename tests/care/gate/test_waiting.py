"""What waits, and until when: hours, rest days, mute, burden, a number's cap."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from care.consents.models import Purpose
from care.gate.rules import Cap, parse_burden, parse_hours, parse_purposes
from care.gate.silence import let_go, mute
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Verdict
from channels.reply import Reply
from tests.care.gate.conftest import Town
from tests.factories.messages import SMS

TUESDAY = "2026-11-24"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def until(town: Town, verdict: Verdict) -> str:
    """The local moment it is held until."""
    assert not verdict.send
    assert verdict.until is not None, verdict
    return f"{town.clock.local(verdict.until):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("at", "purpose", "opens"),
    [
        (f"{TUESDAY} 20:59:59", "service_notice", None),
        (f"{TUESDAY} 21:00", "service_notice", "2026-11-25 08:00"),
        (f"{TUESDAY} 07:59:59", "service_notice", f"{TUESDAY} 08:00"),
        (f"{TUESDAY} 08:00", "service_notice", None),
        (f"{TUESDAY} 19:59:59", "follow_up", None),
        (f"{TUESDAY} 20:00", "follow_up", "2026-11-25 09:00"),
        (f"{TUESDAY} 23:59:59", "education", "2026-11-25 09:00"),
        (f"{TUESDAY} 00:00", "education", f"{TUESDAY} 09:00"),
        (f"{TUESDAY} 08:59:59", "survey", f"{TUESDAY} 09:00"),
        (f"{TUESDAY} 09:00", "marketing", None),
        (f"{TUESDAY} 02:00", "reply", f"{TUESDAY} 08:00"),
        (f"{TUESDAY} 02:00", "staff_reply", None),
        (f"{TUESDAY} 02:00", "code", None),
    ],
)
async def test_quiet_hours_to_the_second(town: Town, at: str, purpose: str, opens: str | None) -> None:
    town.at(at)
    who = await town.patient()
    _, talk = await town.contact(of=who)
    verdict = await town.asks(talk, purpose, who)
    if opens is None:
        assert verdict.send, verdict
    else:
        assert (verdict.reason, until(town, verdict)) == ("quiet_hours", opens)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-22 10:00", "2026-11-23 09:00"),  # an ordinary Sunday
        ("2026-09-20 10:00", None),  # a Sunday worked for the National Day (调休)
        ("2026-10-01 10:00", "2026-10-08 09:00"),  # the National Day's week
        ("2026-10-10 10:00", None),  # the Saturday worked after it
        ("2026-09-30 20:00", "2026-10-08 09:00"),  # the evening before it
        ("2026-11-20 20:00", "2026-11-23 09:00"),  # a Friday evening
    ],
)
async def test_rest_days_and_the_days_worked_instead(town: Town, at: str, opens: str | None) -> None:
    town.at(at)
    who = await town.patient()
    _, talk = await town.contact(of=who)
    verdict = await town.asks(talk, "survey", who)
    if opens is None:
        assert verdict.send, verdict
    else:
        late = town.clock.local().hour == 20
        assert (verdict.reason, until(town, verdict)) == ("quiet_hours" if late else "rest_day", opens)
    assert (await town.asks(talk, "service_notice", who)).send, "off for notices"


async def test_the_hospitals_own_hours_and_zone(town: Town) -> None:
    town.set_rules(hours=parse_hours("follow_up 10:30-11:00"), rest_days=parse_purposes("service_notice"))
    who = await town.patient()
    _, talk = await town.contact(of=who)
    assert until(town, await town.asks(talk, "follow_up", who)) == f"{TUESDAY} 10:30"
    assert (await town.asks(talk, "education", who)).send, "not named: always"
    town.at("2026-11-21 23:00")
    assert until(town, await town.asks(talk, "service_notice", who)) == "2026-11-23 00:00"
    town.at(f"{TUESDAY} 22:00")
    assert until(town, await town.asks(talk, "marketing", who)) == "2026-11-25 08:00"


@pytest.mark.parametrize("at", ["2026-11-25 03:00", "2026-11-22 03:00"])
async def test_answers_and_emergencies_do_not_wait(town: Town, at: str) -> None:
    town.at(at)
    who = await town.patient()
    contact, talk = await town.contact(SMS, who, muted_until=town.clock.now() + DAY)
    for _ in range(10):
        await town.had(talk, "service_notice", timedelta(seconds=20), who)
    asked = await town.writes(contact, text="明天几点")
    answer = await town.asks(talk, "reply", who, inbound_id=asked)
    assert (answer.send, answer.reason) == (True, "answer")
    assert (await town.asks(talk, "service_notice", who, inbound_id=asked)).send, "booked just now"
    assert until(town, await town.asks(talk, "service_notice", who)) > at
    town.clock.advance(timedelta(minutes=10))
    assert (await town.asks(talk, "reply", who, inbound_id=asked)).reason == "answer"
    town.clock.advance(timedelta(seconds=1))
    late = await town.asks(talk, "reply", who, inbound_id=asked)
    assert late.reason == "quiet_hours"
    urgent = await town.asks(talk, "reply", who, inbound_id=asked, priority=-1)
    assert (urgent.send, urgent.reason) == (True, "emergency")
    assert not (await town.asks(talk, "marketing", who, inbound_id=asked, priority=-1)).send


async def test_a_mute_holds_what_is_pushed_until_it_ends(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    async with town.database.write() as session:
        end = town.clock.to_utc(datetime.fromisoformat("2026-11-27 22:00"))
        await mute(session, contact.id, end, now=town.clock.now())
    held = await town.asks(talk, "service_notice", who)
    assert (held.reason, until(town, held)) == ("muted", "2026-11-28 08:00")
    assert (await town.asks(talk, "survey", who)).until == town.clock.to_utc(datetime(2026, 11, 30, 9))
    assert (await town.asks(talk, "staff_reply", who)).send
    town.at("2026-11-27 22:00")
    assert (await town.asks(talk, "service_notice", who)).reason == "quiet_hours"


async def test_an_ended_mute_lets_go_what_it_held(town: Town) -> None:
    contact, talk = await town.contact()
    later = town.clock.now() + DAY
    held, other = [await town.message(talk, "education") for _ in range(2)]
    await town.now_is(held, "queued", reason="muted", due_at=later)
    await town.now_is(other, "queued", reason="quiet_hours", due_at=later)
    async with town.database.write() as session:
        await mute(session, contact.id, None, now=town.clock.now())
        assert await let_go(session, contact.id, [], now=town.clock.now()) == 0
    async with town.database.read() as session:
        due = [(await session.get_one(OutboundMessage, one.id)).due_at for one in (held, other)]
    assert due == [town.clock.now(), later]


async def test_the_burden_of_a_day_and_of_a_week(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(of=who)
    await town.had(talk, "follow_up", 20 * HOUR, who)
    assert (await town.asks(talk, "follow_up", who)).send
    await town.had(talk, "follow_up", 2 * HOUR, who)
    held = await town.asks(talk, "follow_up", who)
    assert (held.reason, until(town, held)) == ("burden_day", f"{TUESDAY} 14:00")
    for days in (2, 3, 4):
        await town.had(talk, "follow_up", days * DAY, who)
    town.at(f"{TUESDAY} 14:00")
    held = await town.asks(talk, "follow_up", who)
    assert (held.reason, until(town, held)) == ("burden_week", "2026-11-27 10:00"), "the oldest of five"


async def test_the_burden_counts_all_channels_and_departments_but_not_other_people(town: Town) -> None:
    who, other = await town.patient(), await town.patient()
    _, wechat = await town.contact(of=who)
    _, phone = await town.contact(SMS, who)
    _, daughter = await town.contact(of=who)
    _, theirs = await town.contact(of=other)
    await town.had(wechat, "follow_up", HOUR, who, status="accepted")
    await town.had(phone, "education", HOUR, who, status="uncertain")
    for talk in (wechat, phone, daughter):
        assert (await town.asks(talk, "education", who)).reason == "burden_day"
    assert (await town.asks(theirs, "education", other)).send
    for status in ("failed", "suppressed", "passed_on", "queued"):
        await town.had(theirs, "education", HOUR, other, status=status)
    assert (await town.asks(theirs, "education", other)).send, "nothing of it arrived"
    await town.had(theirs, "reply", HOUR, other)
    await town.had(theirs, "follow_up", HOUR, other, inbound_id=other)
    await town.had(theirs, "education", HOUR, other)
    assert (await town.asks(theirs, "education", other)).send, "answers are no burden"


async def test_the_more_important_is_not_stopped_by_the_less(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(of=who)
    for _ in range(3):
        await town.had(talk, "education", 3 * HOUR, who)
    for purpose, goes in (
        ("service_notice", True),
        ("follow_up", True),
        ("survey", True),
        ("education", False),
    ):
        assert (await town.asks(talk, purpose, who)).send == goes, purpose
    for _ in range(20):
        await town.had(talk, "service_notice", 3 * HOUR, who)
    assert (await town.asks(talk, "service_notice", who)).send, "appointments are never capped"
    assert (await town.asks(talk, "follow_up", who)).reason == "burden_day"


async def test_without_a_patient_the_contact_is_counted(town: Town) -> None:
    _, talk = await town.contact()
    _, other = await town.contact()
    who = await town.patient()
    town.set_rules(burden={"service_notice": Cap(99, 99)} | dict(parse_burden("follow_up 1/5")))
    await town.had(talk, "follow_up", HOUR, who)
    for one in (talk, other):
        await town.decide(one.contact_id, Purpose.FOLLOW_UP, True, "contact")
    assert (await town.asks(talk, "follow_up")).reason == "burden_day"
    assert (await town.asks(other, "follow_up")).send


async def test_what_is_leaving_counts_already(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(of=who)
    town.set_rules(burden=parse_burden("follow_up,education 1/5"))
    await town.message(talk, "follow_up", who)
    assert (await town.asks(talk, "education", who)).reason == "burden_day"


async def test_two_of_one_batch_see_each_other_the_more_important_first(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(of=who)
    _, phone = await town.contact(SMS, who)
    town.set_rules(burden=parse_burden("follow_up,education 1/5"))
    article = await town.message(talk, "education", who)
    plan = await town.message(phone, "follow_up", who)
    second = await town.message(talk, "follow_up", who)
    assert [one.reason for one in await town.check(article, plan, second)] == [
        "burden_day",
        "allowed",
        "burden_day",
    ]


async def test_one_number_gets_one_a_minute_and_ten_a_day(town: Town) -> None:
    who = await town.patient()
    _, phone = await town.contact(SMS, who)
    first, second = [await town.message(phone, "service_notice", who) for _ in range(2)]
    one, two = await town.check(first, second)
    assert one.send
    assert (two.reason, two.until) == ("sms_minute", town.clock.now() + timedelta(minutes=1))
    await town.now_is(first, "accepted", timedelta(seconds=59))
    [two] = await town.check(second)
    assert two.reason == "sms_minute"
    await town.now_is(first, "accepted", timedelta(seconds=60))
    [two] = await town.check(second)
    assert two.send
    for hours in range(1, 10):
        await town.had(phone, "service_notice", hours * HOUR, who)
    [two] = await town.check(second)
    assert two.reason == "sms_day"
    assert until(town, two) == "2026-11-25 08:00", "one hour after midnight is put off to the morning"
    _, talk = await town.contact(of=who)
    assert (await town.asks(talk, "service_notice", who)).send, "WeChat is another matter"


async def test_what_would_expire_while_waiting_is_dropped(town: Town) -> None:
    town.at(f"{TUESDAY} 22:00")
    who = await town.patient()
    _, talk = await town.contact(of=who)
    morning = town.clock.to_utc(datetime(2026, 11, 25, 8))
    dropped = await town.asks(talk, "service_notice", who, expires_at=morning)
    assert (dropped.reason, dropped.until) == ("would_expire", None)
    held = await town.asks(talk, "service_notice", who, expires_at=morning + timedelta(seconds=1))
    assert (held.reason, held.until) == ("quiet_hours", morning)
    over = await town.asks(talk, "service_notice", who, expires_at=town.clock.now())
    assert (over.reason, over.until) == ("expired", None)


async def test_the_first_rule_that_objects_gives_the_reason_and_all_give_the_moment(town: Town) -> None:
    """Muted to Friday night; then the burden's week ends on Saturday; a survey rests at the weekend."""
    who = await town.patient()
    contact, talk = await town.contact(SMS, who)
    for days in (1, 2, 3, 4):
        await town.had(talk, "survey", days * DAY, who)
    await town.had(talk, "survey", 2.8 * DAY, who)
    async with town.database.write() as session:
        end = town.clock.to_utc(datetime.fromisoformat("2026-11-27 02:00"))
        await mute(session, contact.id, end, now=town.clock.now())
    held = await town.asks(talk, "survey", who, reply=Reply("survey.done"))
    assert held.reason == "muted"
    assert until(town, held) == "2026-11-27 10:00"
