from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.factories.tables import OWN


@pytest.fixture
async def jobs(database: Database) -> AsyncIterator[Database]:
    """A database that also has the tests' own table."""
    async with database.writer.begin() as connection:
        await connection.run_sync(OWN.create_all)
    yield database
