from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.clock import VirtualClock
from store.database import Database
from tests.care.questionnaires.pages.ground import Ground, Phone, answering, make_ground


@pytest.fixture
async def ground(database: Database, clock: VirtualClock) -> Ground:
    return await make_ground(database, clock)


@pytest.fixture
async def phone(ground: Ground) -> AsyncIterator[Phone]:
    async with answering(ground) as made:
        yield made
