"""Bringing the database to the present schema at start, one process at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.engine import Engine

from server.settings import ROOT
from store import events

_LOCK_ID = 0x62616E79


def alembic_config(url: str) -> Config:
    """Alembic's configuration for `url` (an async SQLAlchemy URL)."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def sync_engine(url: str) -> Engine:
    """A plain engine for schema work."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed.set(drivername="postgresql+psycopg"))
    engine = create_engine(parsed.set(drivername="sqlite"))

    # Python's driver commits each CREATE TABLE by itself; a start killed half-way must leave nothing half-made.
    @event.listens_for(engine, "connect")
    def _by_hand(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def head() -> str:
    """The newest revision the code knows."""
    found = ScriptDirectory.from_config(alembic_config("sqlite://")).get_current_head()
    if found is None:
        raise RuntimeError("there are no migrations")
    return found


def current(url: str) -> str | None:
    """The revision the database is at; None when it is empty."""
    engine = sync_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def upgrade(url: str) -> None:
    """To the head, under a lock: several processes may start at once."""
    parsed = make_url(url)
    engine = sync_engine(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            path = Path(parsed.database or "banyi.db")
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock", timeout=120), engine.begin() as connection:
                _upgrade(connection, url)
        else:
            with engine.connect() as connection:
                connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": _LOCK_ID})
                try:
                    connection.commit()
                    with connection.begin():
                        _upgrade(connection, url)
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK_ID})
                    connection.commit()
    finally:
        engine.dispose()


def _upgrade(connection: Connection, url: str) -> None:
    config = alembic_config(url)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    events.adopt_restored(connection)


async def upgrade_async(url: str) -> None:
    await asyncio.to_thread(upgrade, url)
