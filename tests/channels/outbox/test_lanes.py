"""What is held in front of running bulk costs nothing: its rows are not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from bench.outbox_rows import fill
from channels.outbox import holds, lanes
from channels.outbox.delivery import Delivery
from channels.outbox.holds import Scope
from channels.outbox.ports import Verdict
from channels.outbox.service import BULK_PRIORITY
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.channels.outbox.conftest import Gate, claim
from tests.factories.messages import SMS, conversation, said, say
from tests.factories.vendor import Vendor

GREET = Reply("smalltalk.greet")
STOPPED = 2_000
INDEX = "ix_outbound_message_lane_priority_due_at_id"
QUEUE = "ix_outbound_message_status_priority_due_at_id"
BULK: dict[str, Any] = {"purpose": "education", "priority": BULK_PRIORITY}


@pytest.fixture(autouse=True)
def _everything_may_go(gate: Gate) -> None:
    gate.say = lambda message: Verdict(True)


async def stop(database: Database, clock: VirtualClock, scope: Scope, key: str) -> None:
    async with database.write() as session:
        await holds.hold(session, scope, key, reason="内容有误", now=clock.now())


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is run within, with its parameters."""
    ran: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *others: Any) -> None:
        ran.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def plan(database: Database, statement: str, parameters: Any) -> str:
    """How the database would run it."""
    how = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    async with database.write() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql(how + statement, parameters)
        return "\n".join(str(row[-1]) for row in rows)


async def test_the_lanes_are_told_apart_and_the_first_due_comes_first(
    database: Database, clock: VirtualClock
) -> None:
    _, phone = await conversation(database, clock, SMS)
    _, chat = await conversation(database, clock)
    at = clock.now()
    await say(database, clock, phone, GREET, campaign="flu", due_at=at - timedelta(hours=1), **BULK)
    await say(database, clock, phone, GREET, GREET, campaign="heart", due_at=at - timedelta(hours=3), **BULK)
    await say(database, clock, chat, GREET, due_at=at - timedelta(hours=2), **BULK)
    await say(database, clock, chat, GREET, purpose="service_notice", priority=3)
    await say(database, clock, chat, GREET)
    async with database.read() as session:
        nothing = await holds.held(session)
        found = await lanes.free(session, nothing)
    assert [(one.account, one.purpose, one.campaign) for one in found] == [
        ("wechat/hospital", "service_notice", ""),
        ("sms/aliyun", "education", "heart"),
        ("wechat/hospital", "education", ""),
        ("sms/aliyun", "education", "flu"),
    ]
    for scope, key, left in (
        (Scope.CAMPAIGN, "heart", 3),
        (Scope.ACCOUNT, "sms/aliyun", 2),
        (Scope.PURPOSE, "education", 1),
        (Scope.CHANNEL, "wechat", 0),
    ):
        await stop(database, clock, scope, key)
        async with database.read() as session:
            assert len(await lanes.free(session, await holds.held(session))) == left


async def test_a_running_campaign_leaves_from_behind_a_stopped_one(
    database: Database, clock: VirtualClock, delivery: Delivery, sms: Vendor
) -> None:
    await fill(database, 300, campaign="stopped", now=clock.now())
    _, talk = await conversation(database, clock, SMS, "+8619900000777")
    await say(database, clock, talk, GREET, campaign="running", **BULK)
    await stop(database, clock, Scope.CAMPAIGN, "stopped")
    while await delivery.run_once():
        pass
    gone = [row.campaign for row in await said(database) if row.status == "accepted"]
    assert gone == ["running"] and len(sms.got) == 1


async def test_what_is_stopped_in_front_is_not_walked_through(
    database: Database, clock: VirtualClock, delivery: Delivery
) -> None:
    await fill(database, STOPPED, campaign="stopped", now=clock.now())
    await fill(database, 50, campaign="running", now=clock.now(), first=STOPPED)
    await stop(database, clock, Scope.CAMPAIGN, "stopped")
    if not database.is_sqlite:
        async with database.write() as session:
            await session.execute(text("ANALYZE outbound_message"))
    with statements(database) as ran:
        assert {job.message.campaign for job in await claim(delivery, 40)} == {"running"}
    [steps] = [one for one in ran if "WITH RECURSIVE" in one[0]]
    [taken] = [one for one in ran if one[0].startswith("UPDATE outbound_message") and ".lane = " in one[0]]
    for statement, parameters in (steps, taken):
        how = await plan(database, statement, parameters)
        assert INDEX in how, how
        assert QUEUE not in how or not database.is_sqlite, (
            how
        )  # PostgreSQL looks there for what is on its way
