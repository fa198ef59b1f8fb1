"""Counting audiences over a million patients: our compiled rules beside hand-written SQL, in turns, on the same databases.

`python -m bench.audience 1000000`. A database made before can be given: `… 1000000 sqlite+aiosqlite:///big.db`.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from bench.audience_rules import CASES, Case
from bench.filled import main
from bench.results import Result
from content.audiences import rules, service
from content.audiences.day import Day
from store.database import Database

DAY = Day(date(2026, 11, 22), ZoneInfo("Asia/Shanghai"))
ROUNDS = 5


def written(case: Case, sqlite: bool) -> str:
    """The hand-written statement with its days filled in."""

    def value(found: re.Match[str]) -> str:
        what, _, days = found[1].partition("_")
        if what == "year":
            return str(DAY.today.year)
        if what in ("begin", "end"):
            day = DAY.ago(int(days))
            moment = (DAY.begins(day) if what == "begin" else DAY.ends(day)).astimezone(UTC)
            return f"'{moment:%Y-%m-%d %H:%M:%S.%f}'" if sqlite else f"timestamptz '{moment.isoformat()}'"
        day = DAY.today if what == "today" else DAY.ago(int(days))
        return f"'{day.isoformat()}'" if sqlite else f"date '{day.isoformat()}'"

    return re.sub(r"\{(\w+)\}", value, case.sql)


Counting = Callable[[str], Awaitable[int]]


async def _compare(database: Database, bare: Counting, name: str) -> list[Result]:
    """Medians of `ROUNDS` turns each, after one to warm both; the numbers must be the same."""
    results = []
    for case in CASES:
        rule, statement = rules.read(case.rule), written(case, database.is_sqlite)
        ours: list[float] = []
        others: list[float] = []
        for _ in range(ROUNDS + 1):
            begun = time.perf_counter()
            async with database.read("bench-audience") as session:
                count = await service.count(session, rule, DAY)
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            other = await bare(statement)
            others.append(time.perf_counter() - begun)
            if count != other:
                raise AssertionError(f"{case.name} on {name}: {count} by rule, {other} by hand")
        against = f"hand-written SQL for the same {count:,} patients, {name}"
        value, baseline = (statistics.median(one[1:]) * 1000 for one in (ours, others))
        results.append(Result(f"audience_{case.name}_{name}", value, "ms", against, baseline))
    return results


async def compare_sqlite(database: Database) -> list[Result]:
    connection = sqlite3.connect(str(database.url.database), check_same_thread=False)
    for pragma in ("temp_store=MEMORY", "cache_size=-16000"):  # as the application's connections
        connection.execute(f"PRAGMA {pragma}")

    async def bare(statement: str) -> int:
        def work() -> int:
            return int(connection.execute(statement).fetchone()[0])

        return await asyncio.to_thread(work)

    try:
        return await _compare(database, bare, "sqlite")
    finally:
        connection.close()


async def compare_postgresql(database: Database) -> list[Result]:
    url = database.url.set(drivername="postgresql").render_as_string(False)
    connection: Any = await asyncpg.connect(url)
    try:
        return await _compare(database, connection.fetchval, "postgresql")
    finally:
        await connection.close()


if __name__ == "__main__":
    from bench import audience

    main(audience)
