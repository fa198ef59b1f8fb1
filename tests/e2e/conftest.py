"""Installations for the end-to-end tests: one for most of them, on SQLite; one on PostgreSQL for a few."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server import engine
from server.settings import load_settings
from tests.again import failures
from tests.e2e.installation import Installation
from tests.factories.servers import Postgres


@pytest.fixture(scope="session")
def model() -> None:
    """The engine's model, trained unless the set-up has done it."""
    engine.train(load_settings())


@contextmanager
def kept_on_failure(session: pytest.Session, name: str) -> Iterator[Path]:
    """A folder of an installation, kept with its logs when a test failed meanwhile, also one that is tried again."""
    folder, failed = Path(tempfile.mkdtemp(prefix=f"banyi-{name}-")), failures(session.config)
    yield folder
    if failures(session.config) == failed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"\nlogs of the installation: {folder / 'log'}")


@contextmanager
def on_monday(session: pytest.Session, name: str, **options: Any) -> Iterator[Installation]:
    """The demo hospital on a Monday morning; `options` are `Installation`'s."""
    with kept_on_failure(session, name) as folder:
        installation = Installation(folder, **options)
        try:
            installation.start()
            installation.to_monday_morning()
            yield installation
        finally:
            installation.stop()


@pytest.fixture(scope="session")
def home(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """On SQLite, shared by every test that leaves it in order."""
    with on_monday(request.session, "home") as installation:
        yield installation


@pytest.fixture(scope="session")
def postgres_home(model: None, request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Installation]:
    """The same on PostgreSQL, from an empty database."""
    name = postgres.create()
    try:
        with on_monday(request.session, "postgres-home", database_url=postgres.url(name)) as installation:
            yield installation
    finally:
        postgres.drop(name)
