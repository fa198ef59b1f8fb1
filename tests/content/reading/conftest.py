from __future__ import annotations

import pytest

from store.clock import VirtualClock
from store.database import Database
from tests.content.reading.ground import Ground, make_ground


@pytest.fixture
async def ground(database: Database, clock: VirtualClock) -> Ground:
    return await make_ground(database, clock)
