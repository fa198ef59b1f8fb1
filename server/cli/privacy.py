"""`retention`: what has been kept long enough, shown or deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        help="Delete what has been kept long enough (data/seed/holdings.yml), or say what would be.\n\n"
        "Example: ./banyi retention --dry-run"
    )(retention)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many rows are due.")] = False,
) -> None:
    import server.tables  # noqa: F401  # the book names tables of every room
    from care.privacy.retention import Retention
    from store import crypto
    from store.clock import Clock
    from store.database import Database

    async def work() -> None:
        settings = load_settings()
        crypto.install(settings.secrets.keyring)
        database = Database(settings.database)
        clock = Clock(settings.time_zone)
        try:
            keeper = Retention(database, clock)
            done = await (keeper.dry_run() if dry_run else keeper.once(clock.local().date()))
        finally:
            await database.close()
        if done is None:
            raise SettingsError("today's round is done, or another process is at it.")
        for one in done:
            print(f"{one.table:28} {one.act:7} before {one.before:%Y-%m-%d}  {one.law:8} {one.rows:8} rows")
        print(f"✓ {sum(one.rows for one in done)} rows {'are due' if dry_run else 'done'}")

    asyncio.run(work())
