"""Patient events: in the fact's transaction, read in order by cursor, each consumer at its own pace."""

from __future__ import annotations

import pytest

from store import events
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id


async def say(database: Database, clock: VirtualClock, *kinds: str) -> None:
    async with database.write() as session:
        for kind in kinds:
            events.emit(session, new_id(), kind, clock.now(), appointment="a1")


async def test_events_are_read_in_order_by_each_consumer_on_its_own(
    database: Database, clock: VirtualClock
) -> None:
    await say(database, clock, "appointment.booked", "appointment.cancelled")
    await say(database, clock, "patient.bound")
    async with database.write() as session:
        first = await events.read_after(session, "plans", limit=2)
        assert [event.kind for event in first] == ["appointment.booked", "appointment.cancelled"]
        assert first[0].data == {"appointment": "a1"}
        assert first[0].at == clock.now()
        await events.advance(session, "plans", first[-1].id)
    async with database.write() as session:
        assert [event.kind for event in await events.read_after(session, "plans")] == ["patient.bound"]
        assert len(await events.read_after(session, "timeline")) == 3


async def test_a_cursor_never_goes_back(database: Database, clock: VirtualClock) -> None:
    await say(database, clock, "a", "b", "c")
    async with database.write() as session:
        ids = [event.id for event in await events.read_after(session, "plans")]
        await events.advance(session, "plans", ids[2])
    async with database.write() as session:
        await events.advance(session, "plans", ids[0])
    async with database.read() as session:
        assert await events.read_after(session, "plans") == []


async def test_an_event_of_a_fact_that_was_not_kept_is_not_there(
    database: Database, clock: VirtualClock
) -> None:
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            events.emit(session, new_id(), "appointment.booked", clock.now())
            await session.flush()
            raise RuntimeError
    async with database.read() as session:
        assert await events.read_after(session, "plans") == []
