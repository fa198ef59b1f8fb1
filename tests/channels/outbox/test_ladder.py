"""The ladder: a refused rung is followed by the next at once, and each decision is kept with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact
from channels.outbox import holds
from channels.outbox.delivery import Delivery
from channels.outbox.ladder import BACKOFF, JITTER, MAX_TRIES
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Candidate, Notice, Rung, Verdict
from channels.ports import Outcome, SendResult
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from channels.wechat.models import SubscriptionGrant
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.channels.outbox.conftest import Gate, attempts, claim, tasks
from tests.factories.messages import PHONE, SMS, YES_NO, conversation, said, say
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")
NEXT = SendResult(Outcome.REFUSED, code="45015", next_rung=True)
NOTICE = Notice("TPL-1", {"thing1": "复诊提醒"}, "https://hospital.example/a")
PLAN = (Rung.CUSTOM, Rung.SUBSCRIPTION_LONG, Rung.TEMPLATE)


class Ladder:
    """A gate that goes down `rungs`; at their end it gives `last`. `asked` keeps what it was told."""

    def __init__(self, rungs: Sequence[Rung], last: Verdict | None = None) -> None:
        self.rungs, self.last = rungs, last or Verdict(False, "no_way_left", call=True)
        self.asked: list[Candidate] = []

    async def check(self, session: AsyncSession, batch: Sequence[Candidate], now: datetime) -> list[Verdict]:
        self.asked += batch
        return [self.one(candidate) for candidate in batch]

    def one(self, candidate: Candidate) -> Verdict:
        for rung in self.rungs:
            if rung not in candidate.tried:
                notice = None if rung in (Rung.CUSTOM, Rung.SMS) else NOTICE
                return Verdict(True, "allowed", rung=rung, plan=tuple(self.rungs), notice=notice)
        return self.last


def on(gate: Gate, ladder: Ladder) -> Ladder:
    gate.check = ladder.check  # type: ignore[method-assign]
    return ladder


async def drain(delivery: Delivery) -> None:
    while await delivery.run_once():
        pass


def told(rows: Sequence[DeliveryAttempt]) -> list[tuple[int, str, str]]:
    return [(one.n, one.rung, one.verdict) for one in sorted(rows, key=lambda one: one.n)]


async def test_a_refusal_goes_on_by_the_next_rung_at_once(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    ladder = on(gate, Ladder(PLAN))
    contact, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, purpose="service_notice")
    wechat.answers = [NEXT, SendResult(Outcome.REFUSED, code="43101", next_rung=True)]
    await drain(delivery)
    [row] = await said(database)
    assert (row.status, row.rung, row.plan) == ("accepted", "template", [str(one) for one in PLAN])
    assert told(await attempts(database)) == [
        (1, "custom", "refused"),
        (2, "subscription_long", "refused"),
        (3, "template", "accepted"),
    ]
    assert [one.tried for one in ladder.asked] == [
        frozenset(),
        frozenset({"custom"}),
        frozenset({"custom", "subscription_long"}),
    ]
    words, notice = wechat.got[0][1], wechat.got[2][1]
    assert (words.rung, words.template_code, bool(words.text)) == ("", "", True)
    assert (notice.rung, notice.template_code, notice.variables, notice.url) == (
        "template",
        "TPL-1",
        {"thing1": "复诊提醒"},
        "https://hospital.example/a",
    )
    assert {ref for _, _, ref in wechat.got} == {str(row.id)}
    assert contact.address == wechat.got[2][0]


async def test_a_refusal_that_says_nothing_of_other_ways_is_the_end(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    on(gate, Ladder(PLAN))
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [SendResult(Outcome.REFUSED, code="43019", stop_contact=True)]
    await drain(delivery)
    assert [one.status for one in await said(database)] == ["failed"]
    assert await tasks(database) == ["call"]


async def test_a_gate_that_names_a_refused_rung_again_ends_the_ladder(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    gate.say = lambda message: Verdict(True)
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [NEXT]
    await drain(delivery)
    assert [(one.status, one.reason) for one in await said(database)] == [("failed", "no_rung_left")]
    assert (await tasks(database), len(wechat.got)) == (["call"], 1)


async def test_when_nothing_reaches_the_person_a_nurse_rings_up(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    on(gate, Ladder([Rung.CUSTOM]))
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [NEXT]
    await drain(delivery)
    assert [one.status for one in await said(database)] == ["failed"]
    assert await tasks(database) == ["call"]
    last = (await attempts(database))[-1]
    assert (last.rung, last.verdict, last.gate) == ("call", "passed_on", "no_way_left")


async def test_what_wechat_cannot_carry_goes_on_in_the_phones_conversation_once(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor, gate: Gate
) -> None:
    phone, _ = await conversation(database, clock, SMS)
    _, talk = await conversation(database, clock)
    end = clock.now() + timedelta(hours=6)
    [first] = await say(
        database,
        clock,
        talk,
        Reply("safety.emergency", options=YES_NO),
        purpose="service_notice",
        campaign="c1",
        expires_at=end,
        instance="reminder:7",
    )
    gate.say = lambda message: (
        Verdict(False, "window_closed", pass_to=phone.id, plan=(Rung.SMS,))
        if message.channel == "wechat"
        else Verdict(True, "allowed")
    )
    await drain(delivery)
    rows = {row.channel: row for row in await said(database)}
    old, new = rows["wechat"], rows["sms"]
    assert (old.status, old.reason, old.plan) == ("passed_on", "window_closed", ["sms"])
    assert (new.status, new.continues, new.dedup_key) == ("accepted", first.id, f"ladder:{first.id}")
    assert (new.purpose, new.campaign, new.expires_at) == ("service_notice", "c1", end)
    assert new.reply == old.reply
    assert [address for address, _, _ in sms.got] == [PHONE]
    async with database.read() as session:
        asked = await session.get(OpenQuestion, new.question_id)
        passed = await session.scalar(select(DeliveryAttempt).where(DeliveryAttempt.outbound_id == old.id))
    assert asked is not None and passed is not None
    assert (asked.instance, asked.conversation_id) == ("reminder:7", new.conversation_id)
    assert (passed.rung, passed.verdict, passed.gate) == ("sms", "passed_on", "window_closed")


async def test_passed_on_twice_it_is_said_once(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], sms: Vendor, gate: Gate
) -> None:
    """A person sends it again although it has been passed on: the phone hears it once."""
    phone, _ = await conversation(database, clock, SMS)
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    gate.say = lambda message: (
        Verdict(False, "window_closed", pass_to=phone.id) if message.channel == "wechat" else Verdict(True)
    )
    await drain(worker())
    async with database.write() as session:
        await session.execute(
            update(OutboundMessage)
            .where(OutboundMessage.channel == "wechat")
            .values(status="queued", due_at=clock.now())
        )
    await drain(worker())
    assert len(sms.got) == 1
    assert sorted(row.status for row in await said(database)) == ["accepted", "passed_on"]


async def test_a_phone_without_a_conversation_is_a_call(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate
) -> None:
    contact, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    gate.say = lambda message: Verdict(False, "window_closed", pass_to=contact.id)
    await drain(delivery)
    assert [(one.status, one.reason) for one in await said(database)] == [("failed", "no_phone_conversation")]
    assert await tasks(database) == ["call"]


async def test_each_refusal_of_the_gate_is_kept_with_its_reason(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    _, talk = await conversation(database, clock)
    [message] = await say(database, clock, talk, GREET, purpose="education")
    gate.say = lambda message: Verdict(False, "quiet_hours", clock.now() + timedelta(hours=1))
    for _ in range(3):  # the same reason again and again is one row
        await drain(delivery)
        clock.advance(timedelta(hours=1))
    gate.say = lambda message: Verdict(False, "burden_day", clock.now() + timedelta(hours=1))
    await drain(delivery)
    clock.advance(timedelta(hours=1))
    gate.say = lambda message: Verdict(False, "opted_out")
    await drain(delivery)
    rows = await attempts(database)
    assert [(one.n, one.verdict, one.gate) for one in rows] == [
        (1, "held", "quiet_hours"),
        (2, "held", "burden_day"),
        (3, "suppressed", "opted_out"),
    ]
    assert rows[0].finished_at == rows[0].started_at + timedelta(hours=2)
    assert [(one.id, one.status, one.reason) for one in await said(database)] == [
        (message.id, "suppressed", "opted_out")
    ]
    assert wechat.got == []


async def test_a_rung_that_waits_for_the_morning_does_not_hold_up_the_conversation(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    """Refused on one rung, held on the next: what follows does not wait until it is tried again."""
    _, talk = await conversation(database, clock)
    [notice] = await say(database, clock, talk, GREET, purpose="service_notice")
    morning = clock.now() + timedelta(hours=9)
    on(gate, Ladder([Rung.CUSTOM], Verdict(False, "quiet_hours", until=morning)))
    wechat.answers = [NEXT]
    await drain(delivery)
    [answer] = await say(database, clock, talk, GREET)
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["queued", "accepted"]
    on(gate, Ladder([Rung.CUSTOM, Rung.TEMPLATE]))
    clock.advance(timedelta(hours=9))
    await drain(delivery)
    assert wechat.refs == [str(notice.id), str(answer.id), str(notice.id)]
    assert (await said(database))[0].rung == "template"  # the refused rung is remembered


async def test_what_a_vendor_puts_off_too_often_takes_the_next_rung(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    on(gate, Ladder([Rung.CUSTOM, Rung.TEMPLATE]))
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [SendResult(Outcome.RETRY, code="40001", next_rung=True)] * MAX_TRIES
    for seconds in (0.0, *BACKOFF):
        clock.advance(timedelta(seconds=seconds * (1 + JITTER)))
        await drain(delivery)
    assert [one.status for one in await said(database)] == ["accepted"]
    assert [rung for _, rung, _ in told(await attempts(database))] == ["custom"] * MAX_TRIES + ["template"]
    assert len(wechat.got) == MAX_TRIES + 1


async def test_an_expired_message_is_not_sent(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET, expires_at=clock.now() + timedelta(minutes=5))
    await say(database, clock, talk, GREET)
    clock.advance(timedelta(minutes=5))
    await drain(delivery)
    assert [(one.status, one.reason) for one in await said(database)] == [
        ("suppressed", "expired"),
        ("accepted", None),
    ]
    assert sorted((one.verdict, one.gate or "") for one in await attempts(database)) == [
        ("accepted", ""),
        ("suppressed", "expired"),
    ]
    assert len(wechat.got) == 1


async def test_a_dead_process_leaves_no_rung_to_be_sent_twice(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], wechat: Vendor, gate: Gate
) -> None:
    """On the second rung as on the first: what was begun is uncertain."""
    on(gate, Ladder(PLAN))
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [NEXT]
    assert await worker().run_once() == 1
    [job] = await claim(worker(), 5)
    assert job.rung == "subscription_long"
    async with database.write() as session:
        await session.execute(update(OutboundMessage).values(lease_until=real_now() - timedelta(seconds=1)))
    assert await worker().reap() == 1
    [row] = await said(database)
    assert (row.status, row.rung, len(wechat.got)) == ("uncertain", "subscription_long", 1)


async def test_a_one_time_consent_is_used_up_by_its_notice(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    on(gate, Ladder([Rung.SUBSCRIPTION_ONCE]))
    contact, talk = await conversation(database, clock)
    async with database.write() as session:
        session.add(
            SubscriptionGrant(
                contact_id=contact.id,
                template_id="TPL-1",
                kind="once",
                accepted=True,
                remaining=2,
                changed_at=clock.now(),
            )
        )
    await say(database, clock, talk, GREET)
    await drain(delivery)
    async with database.read() as session:
        grant = await session.get(SubscriptionGrant, (contact.id, "TPL-1"))
    assert grant is not None
    assert grant.remaining == 1


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.RETRY])
async def test_an_account_that_is_of_no_use_is_stopped_and_people_are_told_once(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    wechat: Vendor,
    sms: Vendor,
    outcome: Outcome,
) -> None:
    stop = SendResult(outcome, code="48001", next_rung=True, stop_channel=True)
    talks = [(await conversation(database, clock, address=f"oTest_{n:022d}"))[1] for n in range(3)]
    for talk in talks:
        await say(database, clock, talk, GREET)
    _, phone = await conversation(database, clock, SMS)
    wechat.answers = [stop] * 3
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["queued"] * 3
    async with database.read() as session:
        [held] = await holds.active(session)
    assert (held.scope, held.key, held.reason, held.set_by) == (
        "account",
        "wechat/hospital",
        "vendor:48001",
        None,
    )
    assert await tasks(database) == ["dead_letter"]
    await say(database, clock, talks[0], GREET)
    await say(database, clock, phone, GREET)
    clock.advance(timedelta(minutes=5))
    await drain(delivery)
    assert (len(wechat.got), len(sms.got)) == (3, 1)  # other accounts go on
    async with database.write() as session:
        assert await holds.lift(session, held.id, now=clock.now())
    await drain(delivery)
    assert [row.status for row in await said(database)] == ["accepted"] * 5
    assert await tasks(database) == ["dead_letter"]


async def test_parts_are_kept_as_the_vendor_counted_them(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor, wechat: Vendor
) -> None:
    _, phone = await conversation(database, clock, SMS)
    _, talk = await conversation(database, clock)
    await say(database, clock, phone, GREET)
    await say(database, clock, talk, GREET)
    sms.answers = [SendResult(Outcome.ACCEPTED, vendor_id="v", parts=2)]
    await drain(delivery)
    rows: dict[str, Any] = {one.rung: one.parts for one in await attempts(database)}
    assert rows == {"sms": 2, "custom": 1}


async def test_a_contact_that_takes_nothing_is_stopped_but_its_message_goes_on(
    database: Database, clock: VirtualClock, delivery: Delivery, wechat: Vendor, gate: Gate
) -> None:
    on(gate, Ladder([Rung.CUSTOM]))
    contact, talk = await conversation(database, clock)
    await say(database, clock, talk, GREET)
    wechat.answers = [SendResult(Outcome.REFUSED, code="40003", next_rung=True, stop_contact=True)]
    await drain(delivery)
    async with database.read() as session:
        found = await session.get(Contact, contact.id)
    assert found is not None
    assert found.status == "stopped"
    assert await tasks(database) == ["call"]


async def test_the_gate_knows_how_much_of_the_window_a_long_text_takes(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate
) -> None:
    ladder = on(gate, Ladder(PLAN))
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, Reply("faq.answer", {"answer": "请空腹。" * 400}), GREET)
    await drain(delivery)
    assert [one.weight for one in ladder.asked] == [3, 1]
    assert [one.parts for one in await attempts(database)] == [3, 1]


async def test_a_menu_weighs_what_the_kind_of_account_takes_for_it(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], gate: Gate
) -> None:
    long = Reply(
        "faq.answer",
        {"answer": "一句话。" * 205},
        tuple(Option(str(n), "一个很长很长的选项" * 8) for n in range(4)),
    )
    ladder = on(gate, Ladder([Rung.CUSTOM]))
    _, talk = await conversation(database, clock)
    for kind, takes in (("service", 3), ("subscription", 2)):
        await say(database, clock, talk, long)
        await drain(worker(account_types={talk.account_id: kind}))
        assert ladder.asked[-1].weight == takes
        assert (await attempts(database))[-1].parts == takes
