"""Installations for the end-to-end tests: one for most of them, on SQLite; one on PostgreSQL for a few."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server import engine
from server.settings import load_settings
from tests.e2e.installation import Installation
from tests.factories.servers import Postgres


@pytest.fixture(scope="session")
def model() -> None:
    """The engine's model, trained unless the set-up has done it."""
    engine.train(load_settings())


@pytest.fixture(scope="session")
def home(model: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo hospital on SQLite on a Monday morning, shared by every test that leaves it in order."""
    installation = Installation(tmp_path_factory.mktemp("home"))
    try:
        installation.start()
        installation.to_monday_morning()
        yield installation
    finally:
        installation.stop()


@pytest.fixture(scope="session")
def postgres_home(
    model: None, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[Installation]:
    """The same on PostgreSQL, from an empty database."""
    name = postgres.create()
    installation = Installation(tmp_path_factory.mktemp("postgres-home"), postgres.url(name))
    try:
        installation.start()
        installation.to_monday_morning()
        yield installation
    finally:
        installation.stop()
        postgres.drop(name)
