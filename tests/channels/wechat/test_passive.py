"""Answers on the callback's own line: claimed once, given again in the same words, left to the ladder when late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.inbox.models import InboundMessage
from channels.inbox.service import LINE_MARGIN, Inbox
from channels.inbox.spool import Spool
from channels.outbox import holds
from channels.outbox import service as outbox
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.passive import Passive
from channels.outbox.ports import Candidate, Verdict
from channels.reply import Reply
from channels.wording.catalogue import Catalogue
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import YES_NO, conversation, inbound, received, said, say

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
WAITS = 4.0


class Gate:
    """Lets everything pass, save what a test forbids by its key."""

    forbidden: tuple[str, ...] = ()

    async def check(self, session: AsyncSession, batch: Sequence[Candidate], now: datetime) -> list[Verdict]:
        return [Verdict(one.message.reply["key"] not in self.forbidden, "muted") for one in batch]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def passive(database: Database, clock: VirtualClock, gate: Gate, woken: list[int]) -> Passive:
    return Passive(database, clock, Catalogue(WORDING, FACTS), gate, lambda: woken.append(1))


@pytest.fixture
def inbox(database: Database, clock: VirtualClock, tmp_path: Path) -> Inbox:
    return Inbox(database, clock, Spool(tmp_path / "spool"))


async def asked(inbox: Inbox, text: str = "几点上班", within: float = WAITS) -> str:
    [accepted] = await inbox.accept([replace(inbound(text), answer_within=within)])
    return accepted.inbound_id


async def answer_with(database: Database, clock: VirtualClock, inbound_id: str, *replies: Reply) -> None:
    """What a turn does: queue the replies behind the open line, and be done with the message."""
    _, talk = await conversation(database, clock)
    async with database.read() as session:
        message = await session.get(InboundMessage, UUID(inbound_id))
        assert message is not None
        until = message.passive_until
    async with database.write("a turn") as session:
        for n, reply in enumerate(replies):
            await outbox.enqueue(
                session, talk, reply, dedup_key=f"reply:{inbound_id}:{n}", purpose="reply", now=clock.now(),
                inbound_id=UUID(inbound_id), due_at=until or clock.now(),
            )  # fmt: skip
        await session.execute(
            update(InboundMessage).where(InboundMessage.id == UUID(inbound_id)).values(status="handled")
        )


async def attempts(database: Database) -> list[DeliveryAttempt]:
    async with database.read() as session:
        return list(await session.scalars(select(DeliveryAttempt)))


def answer(text: str) -> Reply:
    return Reply("faq.answer", {"answer": text})


async def test_an_answer_in_time_goes_back_on_the_line(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("八点到五点半"))
    given = await passive.answer(number, WAITS, customer_messages=True)
    assert given is not None
    assert "八点到五点半" in given.text
    [row] = await said(database)
    assert (row.status, row.rung, row.due_at) == ("accepted", "passive", None)
    [tried] = await attempts(database)
    assert (tried.outbound_id, tried.n, tried.rung, tried.verdict) == (row.id, 1, "passive", "accepted")


async def test_the_delivery_worker_leaves_the_answer_to_the_line_meanwhile(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    [message] = await received(database)
    assert message.passive_until == clock.now() + timedelta(seconds=WAITS + LINE_MARGIN)
    await answer_with(database, clock, number, answer("八点"))
    [row] = await said(database)
    assert row.due_at == message.passive_until


async def test_the_callback_waits_for_what_is_still_being_thought_about(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    waiting = asyncio.create_task(passive.answer(number, WAITS, customer_messages=True))
    await asyncio.sleep(0)
    await answer_with(database, clock, number, answer("八点"))
    passive.queued()
    given = await waiting
    assert given is not None


async def test_every_redelivery_gets_the_same_words_also_while_the_first_waits(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    message = replace(inbound("几点上班"), answer_within=WAITS)
    [first] = await inbox.accept([message])
    [again] = await inbox.accept([message])
    assert (again.duplicate, again.passive_reply) == (True, None)
    both = [
        asyncio.create_task(passive.answer(one.inbound_id, WAITS, customer_messages=True))
        for one in (first, again)
    ]
    await answer_with(database, clock, first.inbound_id, answer("八点到五点半"))
    passive.queued()
    one, other = await asyncio.gather(*both)
    assert one is not None
    assert other is not None
    assert one.text == other.text
    [third] = await inbox.accept([message])
    assert third.passive_reply is not None
    assert third.passive_reply.text == one.text
    assert len(await attempts(database)) == 1


async def test_what_comes_too_late_is_the_ladders(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock, woken: list[int]
) -> None:
    number = await asked(inbox)
    assert await passive.answer(number, 0.05, customer_messages=True) is None
    [message] = await received(database)
    assert message.passive_until is None
    await answer_with(database, clock, number, answer("八点"))
    [row] = await said(database)
    assert (row.status, row.due_at) == ("queued", clock.now())
    assert woken


async def test_nothing_to_say_ends_the_wait_at_once(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number)
    async with asyncio.timeout(2):
        assert await passive.answer(number, 60, customer_messages=True) is None


async def test_short_replies_of_one_turn_go_together_with_their_options_as_numbers(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("八点"), Reply("booking.department", options=YES_NO))
    given = await passive.answer(number, WAITS, customer_messages=True)
    assert given is not None
    assert "八点" in given.text
    assert "1 确认\n2 不了" in given.text
    assert {row.rung for row in await said(database)} == {"passive"}


async def test_what_does_not_fit_follows_by_customer_message(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock, woken: list[int]
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("八点"), answer("一句话。" * 200))
    given = await passive.answer(number, WAITS, customer_messages=True)
    assert given is not None
    assert "一句话" not in given.text
    first, second = await said(database)
    assert (first.status, second.status, second.due_at) == ("accepted", "queued", clock.now())
    assert woken


async def test_one_long_text_goes_whole_by_customer_message(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("一句话。" * 200))
    assert await passive.answer(number, WAITS, customer_messages=True) is None
    [row] = await said(database)
    assert (row.status, row.due_at) == ("queued", clock.now())


@pytest.mark.parametrize("status", ["queued", "sending"])
async def test_an_answer_does_not_overtake_what_was_said_before(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock, status: str
) -> None:
    _, talk = await conversation(database, clock)
    [before] = await say(database, clock, talk, answer("先说的"))
    async with database.write() as session:
        await session.execute(
            update(OutboundMessage).where(OutboundMessage.id == before.id).values(status=status)
        )
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("后说的"))
    assert await passive.answer(number, WAITS, customer_messages=True) is None
    assert [row.status for row in await said(database)] == [status, "queued"]


async def test_without_customer_messages_what_is_owed_goes_along(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, answer("先说的"))
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("后说的"))
    given = await passive.answer(number, WAITS, customer_messages=False)
    assert given is not None
    assert given.text.index("先说的") < given.text.index("后说的")


async def test_what_the_gate_holds_does_not_go_passively_either(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock, gate: Gate
) -> None:
    gate.forbidden = ("faq.answer",)
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("八点"))
    assert await passive.answer(number, WAITS, customer_messages=True) is None
    [row] = await said(database)
    assert row.status == "queued"


async def test_the_passive_reply_is_kept_sealed(
    inbox: Inbox, passive: Passive, database: Database, clock: VirtualClock
) -> None:
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("八点到五点半"))
    await passive.answer(number, WAITS, customer_messages=True)
    async with database.read() as session:
        sealed: Any = await session.scalar(select(InboundMessage.passive_reply_sealed))
    assert "八点".encode() not in sealed


async def test_what_people_stopped_does_not_go_passively_either(
    database: Database, clock: VirtualClock, inbox: Inbox, passive: Passive
) -> None:
    inbound_id = await asked(inbox)
    await answer_with(database, clock, inbound_id, answer("八点"))
    async with database.write("emergency stop") as session:
        await holds.hold(session, holds.Scope.ALL, reason="测试", now=clock.now())
    assert await passive.answer(inbound_id, 0, customer_messages=True) is None
    assert await attempts(database) == []


async def test_an_emergencys_answer_leaves_as_a_message_of_its_own(
    database: Database, clock: VirtualClock, inbox: Inbox, passive: Passive
) -> None:
    """Nobody confirms a passive reply: a process that dies with the bytes would have lost it."""
    number = await asked(inbox)
    await answer_with(database, clock, number, answer("请立即拨打120"))
    async with database.write("urgent") as session:
        await session.execute(update(OutboundMessage).values(priority=outbox.URGENT_PRIORITY))
    assert await passive.answer(number, 0, customer_messages=True) is None
    [row] = await said(database)
    assert (row.status, row.due_at) == ("queued", clock.now())
