"""Delivery reports: whatever order and however often they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from channels.outbox.delivery import Delivery
from channels.outbox.ports import Candidate, Verdict
from channels.outbox.receipts import Receipts
from channels.ports import Outcome, Receipt, SendResult
from channels.reply import Reply
from server.people import CareDesk
from store.clock import VirtualClock
from store.database import Database
from tests.channels.outbox.conftest import Gate, attempts, claim, tasks
from tests.factories.messages import ACCOUNTS, SMS, conversation, said, say
from tests.factories.vendor import Vendor


@pytest.fixture
def receipts(database: Database, clock: VirtualClock) -> Receipts:
    return Receipts(database, clock)


async def sent(database: Database, clock: VirtualClock, delivery: Delivery) -> str:
    """One SMS that was handed over; its id."""
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"))
    await delivery.run_once()
    return str(message.id)


def report(ref: str, ok: bool = True, **values: object) -> Receipt:
    given: dict[str, object] = {
        "channel": SMS,
        "account_id": ACCOUNTS[SMS],
        "vendor_id": f"v-{ref}",
        "client_ref": ref,
        "ok": ok,
        "code": "DELIVERED" if ok else "UNDELIV",
    }
    return Receipt(**{**given, **values})  # type: ignore[arg-type]


async def status(database: Database) -> tuple[str, str | None]:
    [message] = await said(database)
    [attempt] = await attempts(database)
    return message.status, attempt.receipt


@pytest.mark.parametrize(
    ("reports", "end"),
    [
        ([True], "delivered"),
        ([False], "failed"),
        ([True, True], "delivered"),
        ([False, False], "failed"),
        ([False, True], "delivered"),
        ([True, False], "delivered"),
        ([True, False, True], "delivered"),
    ],
)
async def test_a_state_never_goes_back(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    receipts: Receipts,
    reports: list[bool],
    end: str,
) -> None:
    ref = await sent(database, clock, delivery)
    for ok in reports:
        await receipts.record([report(ref, ok)])
        clock.advance(timedelta(seconds=1))
    assert await status(database) == (end, end)


async def test_a_batch_of_the_same_report_counts_once(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts
) -> None:
    ref = await sent(database, clock, delivery)
    at = clock.now() - timedelta(minutes=3)
    await receipts.record([report(ref, at=at), report(ref), report("somebody-else's")])
    assert await status(database) == ("delivered", "delivered")
    assert (await attempts(database))[0].receipt_at == at


async def test_what_was_uncertain_is_cleared_by_its_report(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts, sms: Vendor
) -> None:
    """The answer never came, so the vendor's id is not known; our own reference is."""
    sms.answers = [SendResult(Outcome.UNCERTAIN, code="timeout")]
    ref = await sent(database, clock, delivery)
    assert (await status(database))[0] == "uncertain"
    await receipts.record([report(ref, vendor_id="never-seen-before")])
    assert await status(database) == ("delivered", "delivered")


async def test_a_report_that_overtakes_the_answer_is_not_lost(
    database: Database, clock: VirtualClock, delivery: Delivery, receipts: Receipts
) -> None:
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"))
    [job] = await claim(delivery, 1)
    await receipts.record([report(str(message.id))])
    await delivery._deliver(job)
    assert await status(database) == ("delivered", "delivered")


@pytest.mark.parametrize("elsewhere", [{"account_id": "other"}, {"channel": "wechat"}])
async def test_a_report_of_another_account_is_not_ours(
    database: Database,
    clock: VirtualClock,
    delivery: Delivery,
    receipts: Receipts,
    elsewhere: dict[str, str],
) -> None:
    ref = await sent(database, clock, delivery)
    await receipts.record([report(ref, ok=False, **elsewhere)])
    assert await status(database) == ("accepted", None)


async def test_a_report_about_nothing_of_ours_is_ignored(receipts: Receipts) -> None:
    await receipts.record([report("nonsense"), report("", vendor_id="")])


async def laddered(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate, purpose: str = "service_notice"
) -> str:
    """An SMS that was accepted, and after which a call would be left; its id."""
    gate.say = lambda message: (
        Verdict(True, "allowed", rung="sms", plan=("sms", "call"))
        if message.rung is None
        else Verdict(False, "no_way_left", call=True, plan=("sms", "call"))
    )
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"), purpose=purpose)
    await delivery.run_once()
    return str(message.id)


async def test_a_failed_report_goes_on_by_the_next_rung(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate, sms: Vendor
) -> None:
    ref = await laddered(database, clock, delivery, gate)
    receipts = Receipts(database, clock, delivery.wake)
    for _ in range(2):  # told twice it goes on once
        await receipts.record([report(ref, ok=False)])
    [row] = await said(database)
    assert (row.status, row.reason, row.due_at) == ("queued", "UNDELIV", clock.now())
    await delivery.run_once()
    [row] = await said(database)
    assert (row.status, row.reason, len(sms.got)) == ("failed", "no_way_left", 1)
    assert await tasks(database) == ["call"]
    assert [(one.rung, one.verdict, one.receipt) for one in await attempts(database)] == [
        ("sms", "accepted", "failed"),
        ("call", "passed_on", None),
    ]


async def test_the_next_rung_is_told_what_was_tried(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate
) -> None:
    ref = await laddered(database, clock, delivery, gate)
    await Receipts(database, clock).record([report(ref, ok=False)])
    asked: list[Candidate] = []

    async def check(session: object, batch: Sequence[Candidate], now: object) -> list[Verdict]:
        asked.extend(batch)
        return [Verdict(False, "opted_out") for _ in batch]

    gate.check = check  # type: ignore[method-assign]
    delivery.wake()
    await delivery.run_once()
    assert [one.tried for one in asked] == [frozenset({"sms"})]


@pytest.mark.parametrize("purpose", ["reply", "staff_reply", "code"])
async def test_an_answer_or_a_code_that_did_not_arrive_ends_there(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate, purpose: str
) -> None:
    ref = await laddered(database, clock, delivery, gate, purpose)
    await Receipts(database, clock, desk=CareDesk()).record([report(ref, ok=False)])
    assert [row.status for row in await said(database)] == ["failed"]
    assert await tasks(database) == ["call"]


async def test_a_late_success_takes_it_out_of_the_queue(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate
) -> None:
    """Carriers report a message as expired and hand it over when the phone is switched on again."""
    ref = await laddered(database, clock, delivery, gate)
    receipts = Receipts(database, clock)
    await receipts.record([report(ref, ok=False, code="EXPIRED")])
    assert (await status(database))[0] == "queued"
    await receipts.record([report(ref, ok=True)])
    assert await status(database) == ("delivered", "delivered")
    delivery.wake()
    assert await delivery.run_once() == 0
    await receipts.record([report(ref, ok=False)])
    assert await status(database) == ("delivered", "delivered")


async def test_a_failed_report_that_overtakes_the_answer_goes_on_as_well(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate, receipts: Receipts
) -> None:
    gate.say = lambda message: Verdict(True, rung="sms", plan=("sms", "call"))
    _, talk = await conversation(database, clock, SMS)
    [message] = await say(database, clock, talk, Reply("smalltalk.greet"), purpose="service_notice")
    [job] = await claim(delivery, 1)
    await receipts.record([report(str(message.id), ok=False)])
    await delivery._deliver(job)
    assert await status(database) == ("queued", "failed")


async def test_reports_come_in_the_callers_transaction_too(
    database: Database, clock: VirtualClock, delivery: Delivery, gate: Gate
) -> None:
    ref = await laddered(database, clock, delivery, gate)
    woken: list[int] = []
    receipts = Receipts(database, clock, lambda: woken.append(1))
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            await receipts.take(session, [report(ref, ok=False)])
            raise RuntimeError
    assert (await status(database), woken) == (("accepted", None), [])
    async with database.write() as session:
        stranger = report("somebody-else's")
        assert await receipts.take(session, [stranger, report(ref, ok=False)]) == [stranger]
    assert (await status(database), woken) == (("queued", "failed"), [1])
