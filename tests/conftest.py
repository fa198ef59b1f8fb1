"""The ground every test stands on: real databases on both engines, a real Valkey, a clock that stands still, a key ring.

`database` runs a test twice, on SQLite and on PostgreSQL. Where a server cannot start, the tests that need it are skipped, the
summary says "NOT TESTED", and in CI (`CI=true`) the run fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import server.tables
from server import migrate
from store import crypto
from store.clock import VirtualClock
from store.database import Database
from tests.again import Told
from tests.again import pytest_runtest_makereport as pytest_runtest_makereport
from tests.again import pytest_runtest_setup as pytest_runtest_setup
from tests.factories.servers import Missing, Postgres, Valkey
from tests.side_by_side import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.side_by_side import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

TABLES = server.tables.Base.metadata
"""Every table of the house is known before any test runs."""
NOT_TESTED = pytest.StashKey[dict[str, str]]()
SUNDAY_MORNING = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
"""Sunday 22 November 2026, 09:00 in Shanghai."""


def pytest_configure(config: pytest.Config) -> None:
    expect.set_options(timeout=30_000)  # five seconds are too few on a machine that does other work
    config.stash[NOT_TESTED] = {}
    config.pluginmanager.register(Told(config), "told")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for server_name, why in config.stash[NOT_TESTED].items():
        terminalreporter.write_line(
            f"NOT TESTED: {server_name} could not start here ({why})", red=True, bold=True
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What could not start in one of the processes is known to all of the run."""
    node.config.stash[NOT_TESTED].update(getattr(node, "workeroutput", {}).get("not_tested", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_tested"] = session.config.stash[NOT_TESTED]
    if (
        session.config.stash[NOT_TESTED]
        and os.environ.get("CI", "").lower() == "true"
        and not session.exitstatus
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skip(config: pytest.Config, server_name: str, error: Missing) -> None:
    config.stash[NOT_TESTED][server_name] = str(error)
    pytest.skip(f"NOT TESTED: {server_name} could not start here ({error})")


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """A throw-away PostgreSQL server with a migrated template."""
    try:
        started = Postgres()
    except Missing as error:
        _skip(pytestconfig, "PostgreSQL", error)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def valkey(pytestconfig: pytest.Config) -> Iterator[Valkey]:
    """A throw-away Valkey (Redis protocol)."""
    try:
        started = Valkey()
    except Missing as error:
        _skip(pytestconfig, "Valkey", error)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def keyring() -> Iterator[crypto.Keyring]:
    """The process's key ring for one test; whatever was installed before is back afterwards."""
    before = crypto._current
    ring = crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1")
    crypto.install(ring)
    yield ring
    crypto._current = before


@pytest.fixture
def clock() -> VirtualClock:
    """`SUNDAY_MORNING`, standing still."""
    clock = VirtualClock()
    clock.freeze(SUNDAY_MORNING)
    return clock


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database of one test's own."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copyfile(template, tmp_path / "banyi.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'banyi.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create("banyi_template")
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def database(database_url: str, keyring: crypto.Keyring) -> AsyncIterator[Database]:
    """An open database, once on SQLite and once on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    await opened.close()
