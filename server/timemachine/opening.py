"""The installation a command plays with: this one's database as it is, or what comes along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server import migrate
from server.house import House, build
from server.settings import Settings
from server.timemachine.shipped import shipped_house
from store.database import Database


@asynccontextmanager
async def open_house(settings: Settings, *, shipped: bool) -> AsyncIterator[House]:
    """`shipped`, or where this installation was never started: a house of its own."""
    if shipped or not _there(settings):
        async with shipped_house(settings) as house:
            yield house
        return
    await migrate.upgrade_async(settings.database)
    house = build(settings)
    try:
        await house.templates.load()
        yield house
    finally:
        await house.close()


def _there(settings: Settings) -> bool:
    url = Database(settings.database).url
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()
