"""SQLite without a thread between: for the one connection of the shared short transactions.

aiosqlite hands every cursor, execute, fetch and close to a thread and back; a turn has some twenty statements of a few dozen
microseconds each, so the hand-overs cost more than the statements (measured: 5 of 20 ms CPU a message). Here the statement
runs where it stands: SQLAlchemy's own dialect of the standard library's driver, for an engine that is asynchronous by name only.
Waiting for another process's lock never blocks the loop: `begin` asks again after a pause.
Only for short statements; pages, imports and exports use the threaded engines.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any, cast

from sqlalchemy import URL, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection
from sqlalchemy.util import await_only

LOCK_PATIENCE = 15.0
"""Seconds a transaction waits for another process's write lock."""
DRIVER = "sqlite+inline"


class InlineCursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """What SQLAlchemy's asynchronous sessions ask of every cursor with rows: here reading them waits for nothing."""


class InlineConnection(sqlite3.Connection):
    """A locked database is reported at once; `begin` does the waiting."""

    def cursor(self, factory: type[sqlite3.Cursor] = InlineCursor) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor(factory)

    def begin(self, sql: str) -> None:
        """`sql` begins a transaction; to be called in SQLAlchemy's greenlet.

        Raises `sqlite3.OperationalError` when the lock was not to be had in `LOCK_PATIENCE`.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + LOCK_PATIENCE, 0.001
        while True:
            try:
                self.execute(sql)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or loop.time() > deadline:
                    raise
            await_only(asyncio.sleep(pause))
            pause = min(pause * 2, 0.05)


class InlineDialect(SQLiteDialect_pysqlite):
    """`sqlite+inline://`, for `create_async_engine`, which hands `begin` on: how a transaction begins.

    Not by an event, as elsewhere: an engine with one goes through the lists of all its events at each statement.
    """

    driver = "inline"
    is_async = True
    supports_statement_cache = True

    def __init__(self, begin: str = "BEGIN IMMEDIATE", **options: Any) -> None:
        super().__init__(**options)
        self._begin = begin

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        return [url.database], {"timeout": 0, "check_same_thread": False, "factory": InlineConnection}

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        cast("InlineConnection", dbapi_connection.dbapi_connection).begin(self._begin)


registry.register("sqlite.inline", __name__, InlineDialect.__name__)
