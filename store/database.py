"""One `Database` for SQLite and PostgreSQL: a writing engine and a reading one, sessions as transactions.

SQLite writers take their lock at the start (`BEGIN IMMEDIATE`): a deferred transaction that turns into a writer half-way
fails under load. One writing connection a process queues writers fairly instead of letting them poll the file lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, TypeVar

import structlog
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from store import inline_sqlite, living
from store.groupcommit import GroupCommit

T = TypeVar("T")
log = structlog.get_logger(__name__)

_open_session: ContextVar[str | None] = ContextVar("banyi_open_session", default=None)


class DatabaseUnavailable(RuntimeError):
    """The database does not answer. What to do: see the health page; callbacks are spooled meanwhile."""


def assert_no_session(doing: str) -> None:
    """Fail loudly when a network call is about to be made inside a transaction of this task."""
    if (where := _open_session.get()) is not None:
        raise AssertionError(f"{doing} while a database session is open ({where}); close it first")


def _sqlite_connect(durable: bool, dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we say BEGIN ourselves
    # Without a thread waiting would stop the loop: there `begin` asks again by itself.
    patience = 0 if isinstance(dbapi_connection, inline_sqlite.InlineConnection) else 15_000
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={'FULL' if durable else 'NORMAL'}",
        f"busy_timeout={patience}",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Database:
    """Open with a SQLAlchemy URL (`sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`)."""

    def __init__(
        self, url: str, *, pool_size: int = 20, durable: bool = False, threadless: bool = False
    ) -> None:
        """`threadless`: SQLite only, and only where nothing else runs meanwhile: no connection has a thread of its own, so that a
        statement stops the loop."""
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._durable = durable
        if self.is_sqlite:
            made = self._inline_engine if threadless else self._threaded_engine
            self.writer = made("BEGIN IMMEDIATE", pool_size=1, pool_timeout=60)
            self.reader = made("BEGIN", pool_size=4, max_overflow=4)
        else:
            self.writer = create_async_engine(
                self.url,
                pool_size=pool_size,
                max_overflow=0,  # what is opened above is closed again, with all the statements it had prepared
                pool_use_lifo=True,
                hide_parameters=True,
            )
            living.watch(self.writer)
            self.reader = self.writer
        self._short = self._short_engine()
        self._write = async_sessionmaker(self.writer, expire_on_commit=False)
        self._write_short = async_sessionmaker(self._short, expire_on_commit=False)
        self._group = GroupCommit(self._shared)
        self._read = async_sessionmaker(self.reader, expire_on_commit=False, autoflush=False)

    def _short_engine(self) -> AsyncEngine:
        """What short transactions run on: on SQLite a connection without a thread, unless each commit syncs the disk."""
        if not self.is_sqlite or self._durable or not self.url.database:
            return self.writer
        return self._inline_engine("BEGIN IMMEDIATE", pool_size=1, pool_timeout=60)

    def _threaded_engine(self, begin: str, **pool: Any) -> AsyncEngine:
        engine = self._sqlite_engine(self.url, **pool)

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _inline_engine(self, begin: str, **pool: Any) -> AsyncEngine:
        return self._sqlite_engine(self.url.set(drivername=inline_sqlite.DRIVER), begin=begin, **pool)

    def _sqlite_engine(self, url: URL, **options: Any) -> AsyncEngine:
        engine = create_async_engine(url, **{"max_overflow": 0, "hide_parameters": True, **options})
        event.listen(engine.sync_engine, "connect", partial(_sqlite_connect, self._durable))
        return engine

    @asynccontextmanager
    async def write(self, doing: str = "write") -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back on error. After-commit work runs last."""
        async with self._session(self._write, doing) as session, session.begin():
            yield session
        await _run_after_commit(session)

    @asynccontextmanager
    async def _shared(self, doing: str) -> AsyncIterator[AsyncSession]:
        """As `write`, on the connection of short transactions."""
        async with self._session(self._write_short, doing) as session, session.begin():
            yield session
        await _run_after_commit(session)

    async def transact(self, work: Callable[[AsyncSession], Awaitable[T]], doing: str) -> T:
        """Run `work(session)` in a transaction and return its result once that is committed.

        On SQLite concurrent calls share a transaction; `work` may be run again after a neighbour failed, so it must do
        nothing but use its session.
        """
        assert_no_session(f"transact {doing!r}")
        if self.is_sqlite:
            return await self._group.run(work, doing)
        async with self.write(doing) as session:
            return await work(session)

    @asynccontextmanager
    async def read(self, doing: str = "read") -> AsyncIterator[AsyncSession]:
        """A session for reading; what is added to it is never stored."""
        async with self._session(self._read, doing) as session:
            try:
                yield session
            finally:
                session.expunge_all()  # a rollback would expire what the caller still reads
                await session.rollback()

    @asynccontextmanager
    async def _session(
        self, maker: async_sessionmaker[AsyncSession], doing: str
    ) -> AsyncIterator[AsyncSession]:
        if (where := _open_session.get()) is not None:
            raise AssertionError(f"{doing!r} opens a session inside {where!r}; pass the open one on")
        token = _open_session.set(doing)
        try:
            session = maker()
            try:
                yield session
            finally:
                await _closed(session)
        except (DBAPIError, PoolTimeout, OSError) as error:
            if is_unavailable(error):
                raise DatabaseUnavailable(str(error.__class__.__name__)) from error
            raise
        finally:
            _open_session.reset(token)

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.read("ping") as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.writer.dispose()
        if self._short is not self.writer:
            await self._short.dispose()
        if self.reader is not self.writer:
            await self.reader.dispose()


async def _closed(session: AsyncSession) -> None:
    """As `session.close()`, whose task and greenlet are only worth their time where a connection is still to be given back."""
    if session.in_transaction():
        await asyncio.shield(asyncio.ensure_future(session.close()))
    else:
        session.sync_session.close()


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` says that the database is away or full, not that the statement was wrong."""
    if isinstance(error, OSError | PoolTimeout):
        return True
    if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError | ProgrammingError):
        said = str(error.orig).lower()
        signs = (
            "unable to open",
            "disk i/o",
            "database or disk is full",
            "connection",
            "locked",
            "refused",
            "starting up",
        )
        return error.connection_invalidated or any(sign in said for sign in signs)
    return False


def after_commit(session: AsyncSession, work: Callable[[], Any]) -> None:
    """Run `work` (plain or coroutine function) once the session's transaction is committed; never on rollback.

    Its failure is logged and nobody's error: the facts are stored.
    """
    session.info.setdefault("after_commit", []).append(work)


async def _run_after_commit(session: AsyncSession) -> None:
    for work in session.info.pop("after_commit", []):
        try:
            result = work()
            if asyncio.iscoroutine(result):
                await result
        except Exception:
            # It is committed: a failure now must not look like the transaction's, or it would be done again.
            log.exception("database.after_commit_failed")


@cache
def _insert_or_nothing(table: Any, dialect: str) -> Any:
    """Built once a table: a statement with sixteen columns costs more to put together than to run."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as pg_insert

    return pg_insert(table).on_conflict_do_nothing()


async def insert_new(session: AsyncSession, table: Any, values: dict[str, Any]) -> bool:
    """Insert a row unless its unique key is taken. True if it is new. Same on both databases; the transaction goes on."""
    statement = _insert_or_nothing(table.__table__, session.get_bind().dialect.name)
    result = await session.execute(statement, values)
    return bool(getattr(result, "rowcount", 0))


async def insert_many(session: AsyncSession, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    """As `insert_new` for many rows, in one round trip; those whose unique key is taken are left out."""
    await session.execute(_insert_or_nothing(table.__table__, session.get_bind().dialect.name), list(rows))
