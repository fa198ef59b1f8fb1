from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.conversation import ConversationHandler
from bot.engine_client import EngineClient
from bot.worker import InboxWorker
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from server.people import CarePeople
from store.clock import VirtualClock
from store.database import Database
from tests.factories.engine import EngineSurface, engine_surface
from tests.factories.people import care_people


@pytest.fixture
async def engine() -> AsyncIterator[EngineSurface]:
    async with engine_surface() as surface:
        yield surface


@pytest.fixture
def people(database: Database, clock: VirtualClock) -> CarePeople:
    return care_people(database, clock)


@pytest.fixture
async def worker(
    database: Database, clock: VirtualClock, engine: EngineSurface, people: CarePeople
) -> AsyncIterator[Callable[..., InboxWorker]]:
    """Make an inbox worker; several may work on one database."""
    clients: list[EngineClient] = []

    def make(on: Database | None = None, timeout: float = 4.0, **values: Any) -> InboxWorker:
        client = EngineClient(f"http://127.0.0.1:{engine.port}", timeout=timeout)
        clients.append(client)
        handler = ConversationHandler(on or database, clock, client, people)
        return InboxWorker(on or database, clock, handler, people, **values)

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def inbox(database: Database, clock: VirtualClock, tmp_path: Path) -> Inbox:
    return Inbox(database, clock, Spool(tmp_path / "spool"))
