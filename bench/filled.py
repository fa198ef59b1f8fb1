"""What is measured on a hospital of many patients: filled once a database, for one subject after the other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from bench.callback import postgres
from bench.outbox import keys, on_sqlite
from bench.people import fill
from bench.results import Result, keep
from server import migrate
from store.database import Database

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
PATIENTS = 1_000_000


class Subject(Protocol):
    """A module that measures itself beside something hand-written on a filled database."""

    @staticmethod
    async def compare_sqlite(database: Database) -> list[Result]: ...

    @staticmethod
    async def compare_postgresql(database: Database) -> list[Result]: ...


async def measure(subjects: Sequence[Subject], count: int = PATIENTS) -> list[Result]:
    """Both databases, filled for the purpose."""
    keys()
    results: list[Result] = []
    async with on_sqlite() as database:
        await fill(database, count, NOW)
        for subject in subjects:
            results += await subject.compare_sqlite(database)
    with postgres() as (url, _):
        await asyncio.to_thread(migrate.upgrade, url)
        database = Database(url)
        try:
            await fill(database, count, NOW)
            for subject in subjects:
                results += await subject.compare_postgresql(database)
        finally:
            await database.close()
    return results


async def _given(subject: Subject, url: str) -> list[Result]:
    keys()
    database = Database(url)
    try:
        if database.is_sqlite:
            return await subject.compare_sqlite(database)
        return await subject.compare_postgresql(database)
    finally:
        await database.close()


def main(subject: Subject) -> None:
    """How many patients, and where a filled database is to be had its URL."""
    if len(sys.argv) > 2:
        keep(asyncio.run(_given(subject, sys.argv[2])))
    else:
        keep(asyncio.run(measure([subject], int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS)))
