"""SQLite without a thread: who waits for another process's lock holds up nobody else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from store import inline_sqlite
from store.database import Database, DatabaseUnavailable


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'one.db'}")
    async with opened.write() as session:
        await session.execute(text("CREATE TABLE said (word TEXT)"))
    yield opened
    await opened.close()


@contextmanager
def _somebody_writes(database: Database) -> Iterator[None]:
    other = sqlite3.connect(str(database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("COMMIT")
        other.close()


async def _say(session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO said VALUES ('here')"))


async def _said(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(text("SELECT count(*) FROM said")) or 0)


async def test_rows_are_read_like_any_others(database: Database) -> None:
    async def both(session: AsyncSession) -> list[tuple[str, ...]]:
        await _say(session)
        rows = await session.execute(text("SELECT word FROM said"))
        first = (await session.execute(text("SELECT word, word FROM said LIMIT 1"))).one()
        return [tuple(row) for row in rows] + [tuple(first)]

    assert await database.transact(both, "both") == [("here",), ("here", "here")]


async def test_waiting_for_a_lock_stops_nothing_else(database: Database) -> None:
    with _somebody_writes(database):
        writing = asyncio.create_task(database.transact(_say, "say"))
        for _ in range(20):
            await asyncio.sleep(0.01)  # goes on only while the loop is free
        assert not writing.done() and await _said(database) == 0
    await asyncio.wait_for(writing, 5)
    assert await _said(database) == 1


async def test_a_lock_that_is_not_given_up_is_an_absent_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline_sqlite, "LOCK_PATIENCE", 0.1)
    with _somebody_writes(database), pytest.raises(DatabaseUnavailable):
        await database.transact(_say, "say")
    await database.transact(_say, "say")
    assert await _said(database) == 1


async def test_who_gives_up_waiting_leaves_the_connection_in_order(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'two.db'}", threadless=True)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE said (word TEXT)"))
    with _somebody_writes(database), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), database.write() as session:
            await _say(session)
    async with database.write() as session:
        await _say(session)
    assert await _said(database) == 1
    await database.close()
