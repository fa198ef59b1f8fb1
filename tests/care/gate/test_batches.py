"""A batch is decided as its messages would be one after the other, in a number of statements that does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from care.gate.rules import PUSHED, parse_burden
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate, Verdict
from channels.wording.catalogue import Catalogue
from store.clock import VirtualClock
from store.database import Database
from tests.care.gate.conftest import BOOKED, HELLO, Town
from tests.factories.messages import SMS, WECHAT


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[tuple[str, Any]]]:
    """What was asked of the database meanwhile."""
    seen: list[tuple[str, Any]] = []
    engines = {database.writer.sync_engine, database.reader.sync_engine, database._short.sync_engine}

    def note(*call: Any) -> None:
        seen.append((str(call[2]), call[3]))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def _crowd(town: Town, count: int) -> list[OutboundMessage]:
    """`count` people, each with an account whose window is shut, a phone, and one thing to be told."""
    messages = []
    for n in range(count):
        who = await town.patient()
        contact, talk = await town.contact(of=who)
        _, phone = await town.contact(SMS, who)
        await town.window(contact, 0)
        on = phone if n % 3 == 0 else talk
        purpose = (*PUSHED, "reply")[n % 6]
        messages.append(await town.message(on, purpose, who, BOOKED if n % 2 else HELLO))
    return messages


async def test_the_statements_do_not_grow_with_the_batch(town: Town) -> None:
    messages = await _crowd(town, 200)
    counts = {}
    for size in (6, 24, 200):
        async with town.database.write() as session:
            batch = []
            for one in messages[:size]:
                row = await session.get_one(OutboundMessage, one.id)
                batch.append(Candidate(row, await session.get_one(Contact, row.contact_id)))
            async with statements(town.database) as seen:
                verdicts = await town.gate.check(session, batch, town.clock.now())
            counts[size] = len(seen)
        assert len(verdicts) == size
    assert len(set(counts.values())) == 1, counts
    assert counts[200] <= 15


_SPOTS = st.sampled_from(["wechat", "sms", "closed"])
_ONE = st.tuples(st.integers(0, 2), _SPOTS, st.sampled_from([*PUSHED, "reply", "staff_reply"]), st.booleans())


def _same(one: Verdict, other: Verdict) -> bool:
    return (one.send, one.reason, one.until, one.rung, one.plan, one.pass_to, one.call) == (
        other.send,
        other.reason,
        other.until,
        other.rung,
        other.plan,
        other.pass_to,
        other.call,
    )


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(wanted=st.lists(_ONE, min_size=1, max_size=8), hour=st.sampled_from([3, 10, 20]))
def test_a_batch_is_decided_as_one_by_one(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    keyring: object,
    clock: VirtualClock,
    catalogue: Catalogue,
    wanted: list[tuple[int, str, str, bool]],
    hour: int,
) -> None:
    """What left stays on its way and its quota is spent; what did not leave is as if never asked."""
    path = tmp_path_factory.mktemp("gate") / "banyi.db"
    copyfile(sqlite_template, path)

    async def work() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        town = Town(database, clock, catalogue)
        town.at(f"2026-11-24 {hour:02}:00")
        town.set_rules(burden=parse_burden("follow_up,survey,education 2/3; marketing 1/1"))
        people = []
        for _ in range(3):
            who = await town.patient()
            spots = {}
            for name, left in (("wechat", 4), ("closed", 0)):
                contact, spots[name] = await town.contact(WECHAT, who)
                await town.window(contact, left)
            _, spots["sms"] = await town.contact(SMS, who)
            people.append((who, spots))
        messages = [
            await town.message(people[n][1][spot], purpose, people[n][0], BOOKED if booked else HELLO)
            for n, spot, purpose, booked in wanted
        ]
        together = await town.check(*messages)
        for one in messages:
            await town.now_is(one, "queued")
        ranks = {purpose: rank for rank, purpose in enumerate(PUSHED)}
        left: dict[object, int] = {}
        for place in sorted(range(len(messages)), key=lambda n: ranks.get(messages[n].purpose, -1)):
            one = messages[place]
            await town.now_is(one, "sending")
            [alone] = await town.check(one)
            assert _same(together[place], alone), (wanted[place], together[place], alone)
            if not alone.send:
                await town.now_is(one, "queued")
            elif alone.rung == "custom":
                left[one.contact_id] = left.get(one.contact_id, 4) - 1
                async with database.write() as session:
                    contact = await session.get_one(Contact, one.contact_id)
                await town.window(contact, left[one.contact_id])
        await database.close()

    asyncio.run(work())


async def test_two_workers_at_once_do_not_both_use_the_last_place(town: Town, database_url: str) -> None:
    """Each in its own transaction: the second sees what the first is about to send."""
    town.set_rules(burden=parse_burden("follow_up,education 1/5"))
    who = await town.patient()
    _, talk = await town.contact(of=who)
    _, phone = await town.contact(SMS, who)
    messages = [await town.message(one, "follow_up", who) for one in (talk, phone)]
    for one in messages:
        await town.now_is(one, "queued")
    other = Database(database_url)

    async def claim(database: Database, message: OutboundMessage) -> Verdict:
        async with database.write() as session:
            row = await session.get_one(OutboundMessage, message.id)
            contact = await session.get_one(Contact, row.contact_id)
            row.status = "sending"
            await session.flush()
            [verdict] = await town.gate.check(session, [Candidate(row, contact)], town.clock.now())
            await asyncio.sleep(0.05)
            if not verdict.send:
                row.status = "queued"
            return verdict

    try:
        verdicts = await asyncio.gather(claim(town.database, messages[0]), claim(other, messages[1]))
    finally:
        await other.close()
    assert sorted(one.reason for one in verdicts) == ["allowed", "burden_day"]


async def test_counts_are_read_by_person_and_by_conversation(town: Town) -> None:
    """With a million messages sent, none of these may look through them all."""
    who = await town.patient()
    _, talk = await town.contact(of=who)
    _, phone = await town.contact(SMS, who)
    messages = [await town.message(one, "follow_up", who) for one in (talk, phone)]
    used = []
    async with town.database.write() as session:
        connection = await session.connection()
        if not town.database.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = [await session.get_one(OutboundMessage, one.id) for one in messages]
        batch = [Candidate(row, await session.get_one(Contact, row.contact_id)) for row in rows]
        async with statements(town.database) as seen:
            await town.gate.check(session, batch, town.clock.now())
        explain = "EXPLAIN QUERY PLAN " if town.database.is_sqlite else "EXPLAIN "
        for statement, values in [one for one in seen if "FROM outbound_message" in one[0]]:
            plan = str((await connection.exec_driver_sql(explain + statement, values)).all())
            assert "SCAN outbound_message" not in plan
            used.append(plan)
    assert "ix_outbound_message_patient_id_finished_at" in used[0]
    assert "ix_outbound_message_conversation_id_status_seq" in used[1]
    assert "ix_outbound_message_" in used[2]


async def test_nobody_asks_about_an_empty_batch(town: Town) -> None:
    assert await town.check() == []
