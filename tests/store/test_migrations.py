"""The chain of migrations is straight, ends in the models as they are, and survives many processes starting at once."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from server import migrate
from server.tables import Base
from tests.factories.servers import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'er' / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


def test_the_chain_is_straight() -> None:
    scripts = ScriptDirectory.from_config(migrate.alembic_config("sqlite://"))
    revisions = list(scripts.walk_revisions())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    for newer, older in itertools.pairwise(revisions):
        assert newer.down_revision == older.revision
    assert all(revision.doc for revision in revisions)


def test_an_upgraded_database_is_what_the_models_say(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.head()
    engine = migrate.sync_engine(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_processes_that_start_at_once_upgrade_once(empty_url: str) -> None:
    forked = multiprocessing.get_context("fork")
    started = [forked.Process(target=migrate.upgrade, args=(empty_url,)) for _ in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * 4
    assert migrate.current(empty_url) == migrate.head()
