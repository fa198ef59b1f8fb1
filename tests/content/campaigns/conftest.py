from __future__ import annotations

import pytest

from store.clock import VirtualClock
from store.database import Database
from tests.content.campaigns.ward import Ward
from tests.factories import articles


@pytest.fixture
async def ward(database: Database, clock: VirtualClock) -> Ward:
    return Ward(database, clock, await articles.people(database))
