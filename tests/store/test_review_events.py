"""No event is skipped, whatever order transactions end in."""

from __future__ import annotations

from sqlalchemy import text, update

from server import migrate
from store import events
from store.clock import VirtualClock
from store.database import Database
from store.events import EventCursor, PatientEvent
from store.ids import new_id


async def read(database: Database, consumer: str = "plans") -> list[str]:
    """What the consumer reads next, and has then read."""
    async with database.write() as session:
        found = await events.read_after(session, consumer)
        if found:
            await events.advance(session, consumer, found[-1].id)
        return [event.kind for event in found]


async def test_an_event_committed_late_is_read_after_those_with_higher_ids(
    database: Database, clock: VirtualClock
) -> None:
    if database.is_sqlite:  # one writer at a time: there is no late commit to be had
        await write(database, clock, "early", "late")
        assert await read(database) == ["early", "late"]
        return
    slow = database.writer.connect()
    connection = await slow.__aenter__()
    begun = await connection.begin()
    insert = PatientEvent.__table__.insert()  # type: ignore[attr-defined]
    await connection.execute(insert, {"patient_id": new_id(), "kind": "late", "at": clock.now(), "data": {}})
    await write(database, clock, "early")
    assert await read(database) == []  # an older transaction runs: what comes of it is not known
    await begun.commit()
    await slow.__aexit__(None, None, None)
    assert sorted(await read(database)) == ["early", "late"]
    assert await read(database) == []


async def test_ids_given_out_early_are_not_skipped(database: Database, clock: VirtualClock) -> None:
    """A transaction that took its id first but its number later: ids and numbers disagree."""
    await write(database, clock, "first", "second")
    async with database.write() as session:
        newest = await session.scalar(text("SELECT max(writer) FROM patient_event")) or 0
        await session.execute(
            update(PatientEvent).where(PatientEvent.kind == "second").values(writer=newest - 1)
        )
    async with database.write() as session:
        [second] = await events.read_after(session, "plans", limit=1)
        assert second.kind == "second"
        await events.advance(session, "plans", second.id)
    assert await read(database) == ["first"]
    assert await read(database) == []


async def test_a_restored_dump_is_read_on_where_it_was(database: Database, clock: VirtualClock) -> None:
    await write(database, clock, "read", "unread")
    async with database.write() as session:
        [first] = await events.read_after(session, "plans", limit=1)
        await events.advance(session, "plans", first.id)
    if not database.is_sqlite:  # as if they came from a server that is a long way ahead
        async with database.write() as session:
            await session.execute(update(PatientEvent).values(writer=PatientEvent.writer + 10**12))
            await session.execute(update(EventCursor).values(writer=EventCursor.writer + 10**12))
        assert await read(database, "another") == []
    migrate.upgrade(str(database.url.render_as_string(hide_password=False)))
    await write(database, clock, "new")
    assert await read(database) == ["unread", "new"]
    assert await read(database, "another") == ["read", "unread", "new"]


async def write(database: Database, clock: VirtualClock, *kinds: str) -> None:
    async with database.write() as session:
        for kind in kinds:
            events.emit(session, new_id(), kind, clock.now())
            await session.flush()
