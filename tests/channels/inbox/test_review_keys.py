"""What the inbox keeps in the clear names nobody, and one spool file that is refused holds up no other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.ports import Accepted, Inbound
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import OPENID, inbound, received


def event() -> Inbound:
    return inbound("", kind="event", event="click", vendor_key=f"event:{OPENID}:1764000000:click:HELP")


async def test_an_events_key_does_not_hold_the_openid_and_still_finds_the_repeat(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    inbox = Inbox(database, clock, Spool(tmp_path))
    [first] = await inbox.accept([event()])
    [again] = await inbox.accept([event()])
    assert (again.inbound_id, again.duplicate) == (first.inbound_id, True)
    async with database.read() as session:
        [key] = (await session.execute(text("SELECT vendor_key FROM inbound_message"))).scalars()
    assert OPENID not in key


async def test_a_key_longer_than_its_column_is_no_reason_to_lose_a_message(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    inbox = Inbox(database, clock, Spool(tmp_path))
    await inbox.accept([inbound("你好", vendor_key="view:" + "x" * 400)])
    assert len(await received(database)) == 1


async def test_a_spooled_message_the_database_refuses_holds_up_no_other(
    database: Database, clock: VirtualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    inbox = Inbox(database, clock, spool)
    await spool.put([inbound("第一"), inbound("第二")], clock.now())
    real = inbox._store

    async def picky(session: AsyncSession, message: Inbound, arrived: datetime) -> Accepted:
        if message.text == "第一":
            raise ValueError("refused")
        return await real(session, message, arrived)

    monkeypatch.setattr(inbox, "_store", picky)
    assert await inbox.replay_spool() == 1
    assert [row.text for row in await received(database)] == ["第二"]
    assert spool.waiting() == 1
