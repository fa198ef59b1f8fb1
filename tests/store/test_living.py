"""Connections of the pool that died: replaced before anybody's work fails on them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from store import living
from store.database import Database

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
ON_A_SERVER = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def use_many(database: Database, many: int) -> list[object]:
    """So many at once that each has a connection of its own; the driver's connections."""
    met = asyncio.Barrier(many)

    async def one() -> object:
        async with database.read("one of many") as session:
            connection = await session.connection()
            await session.execute(text("SELECT 1"))
            raw = await connection.get_raw_connection()
            await met.wait()
            return raw.driver_connection

    return list(await asyncio.gather(*(one() for _ in range(many))))


async def end_all(database_url: str) -> None:
    """As a server that stops or restarts does: every connection is told and closed."""
    other = Database(database_url)
    async with other.read("end all") as session:
        await session.execute(text(f"SELECT pg_terminate_backend(pid) {OTHERS}"))
    left = 1
    while left:  # in a transaction each: what is running is looked up once in one
        async with other.read("who is left") as session:
            left = await session.scalar(text(f"SELECT count(*) {OTHERS}"))
    await other.close()


@ON_A_SERVER
@pytest.mark.parametrize("idle", [living.IDLE, 0.0], ids=["seen", "asked"])
async def test_nobody_meets_a_connection_the_server_ended(
    database: Database, database_url: str, idle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(living, "IDLE", idle)
    before = await use_many(database, 4)
    await end_all(database_url)
    if idle:  # what the driver sees by itself is enough, once it had a moment to see it
        while not all(one.is_closed() for one in before):  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    after = await use_many(database, 4)
    assert not set(map(id, before)) & set(map(id, after))


@ON_A_SERVER
async def test_a_connection_at_work_is_not_asked_each_time(database: Database) -> None:
    asked = []
    dialect = database.writer.sync_engine.dialect
    ping, dialect.do_ping = dialect.do_ping, lambda one: asked.append(one) or True  # type: ignore[method-assign,func-returns-value]
    try:
        first = await use_many(database, 1)
        assert await use_many(database, 1) == first
    finally:
        dialect.do_ping = ping  # type: ignore[method-assign]
    assert not asked
