"""SQLite without a thread between: for the one connection of the shared short transactions.

aiosqlite hands every cursor, execute, fetch and close to a thread and back; a turn has some twenty statements of a few dozen
microseconds each, so the hand-overs cost more than the statements (measured: 5 of 20 ms CPU a message). Here the statement
runs where it stands. Waiting for another process's lock never blocks the loop: `BEGIN` asks again after a pause.
Only for short statements; pages, imports and exports use the threaded engines.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

LOCK_PATIENCE = 15.0
"""Seconds a transaction waits for another process's write lock."""


class _Now:
    """Stands in for aiosqlite's queue to its thread: what is put is done."""

    def put_nowait(self, item: tuple[asyncio.Future[Any], Callable[[], Any]]) -> None:
        future, function = item
        future.set_result(function())


class InlineCursor:
    """As aiosqlite's cursor."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.arraysize = 1

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> InlineCursor:
        if sql.startswith("BEGIN"):
            await self._begin(sql)
        else:
            self._cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return self

    async def _begin(self, sql: str) -> None:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + LOCK_PATIENCE, 0.001
        while True:
            try:
                self._cursor.execute(sql)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or loop.time() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)

    async def executemany(self, sql: str, parameters: Iterable[Any]) -> InlineCursor:
        self._cursor.executemany(sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._cursor.fetchmany(size or self.arraysize)

    async def close(self) -> None:
        self._cursor.close()

    async def __aenter__(self) -> InlineCursor:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._cursor.close()


class InlineConnection:
    """As aiosqlite's connection, as far as SQLAlchemy's dialect uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._conn = connection
        self._connection: sqlite3.Connection | None = connection
        self._tx = _Now()

    @property
    def isolation_level(self) -> str | None:
        return self._conn.isolation_level

    def cursor(self) -> InlineCursor:
        return InlineCursor(self._conn.cursor())

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def create_function(self, *args: Any, **options: Any) -> None:
        self._conn.create_function(*args, **options)

    async def close(self) -> None:
        self._connection = None
        self._conn.close()

    def stop(self) -> None:
        self._connection = None
        self._conn.close()


async def connect(path: str) -> InlineConnection:
    """Open the file at `path`; a locked database is reported at once, `BEGIN` does the waiting."""
    return InlineConnection(sqlite3.connect(path, timeout=0, check_same_thread=False))
