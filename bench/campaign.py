"""Launching a campaign: our worker beside hand-written SQL that writes the same rows in one statement, in turns, on one database.

Ours counts the audience, writes in stretches with its position and progress, looks for what to send and for the end, as it runs in the
house; by hand it is one `INSERT … SELECT` that knows everything beforehand and begins anew when it is killed.
`python -m bench.campaign 1000000`. A database made before can be given: `… 1000000 sqlite+aiosqlite:///big.db`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select

from bench.filled import NOW, main
from bench.outbox import peak_memory
from bench.results import Result
from content.articles.models import Article
from content.audiences import rules
from content.audiences import service as audiences
from content.campaigns.dice import DIGITS, PRIME, Dice
from content.campaigns.launching import HOLDOUT
from content.campaigns.models import Campaign, CampaignLaunch, CampaignRecipient, CampaignVariant
from content.campaigns.runner import Runner
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id

ROUNDS = 3
EVERYONE = {"kind": "all", "rules": [{"kind": "everyone"}]}
FEW = {"kind": "all", "rules": [{"kind": "everyone"}, {"kind": "age", "at_least": 85}]}
"""For the memory of a small launch."""
PERCENT = 10
COLUMNS = "campaign_id, occurrence, patient_id, arm, state, reason, planned_at"
BY_HAND = (
    "INSERT INTO campaign_recipient ({columns}) SELECT '{campaign}', 1, id,"
    " CASE WHEN ({a} * ({number}) + {b}) % {prime} < {held} THEN 'holdout'"
    " WHEN ({c} * ({number}) + {d}) % {prime} < {half} THEN 'a' ELSE 'b' END,"
    " CASE WHEN ({a} * ({number}) + {b}) % {prime} < {held} THEN 'held_out' ELSE 'planned' END,"
    " NULL, {at} FROM patient WHERE status = 'active'"
)
Bare = Callable[[str], Awaitable[None]]


def by_hand(campaign_id: UUID, sqlite: bool) -> str:
    """The same draw, written out."""
    held, arm = (Dice.of(campaign_id, question) for question in (HOLDOUT, "arm"))
    number = f"('x' || right(id::text, {DIGITS}))::bit({4 * DIGITS})::bigint"
    if sqlite:
        number = " + ".join(
            f"instr('123456789abcdef', substr(id, {-place - 1}, 1)) * {16**place}" for place in range(DIGITS)
        )
    at = f"'{NOW:%Y-%m-%d %H:%M:%S.%f}'" if sqlite else f"timestamptz '{NOW.isoformat()}'"
    return BY_HAND.format(
        columns=COLUMNS,
        campaign=campaign_id.hex if sqlite else campaign_id,
        number=number,
        at=at,
        prime=PRIME,
        a=held.a,
        b=held.b,
        c=arm.a,
        d=arm.b,
        held=round(PERCENT / 100 * PRIME),
        half=round(0.5 * PRIME),
    )


async def ready(database: Database, clock: VirtualClock, rule: dict[str, Any]) -> UUID:
    """A campaign of two texts with a hold-out group that is due now."""
    now, name = clock.now(), str(new_id())
    async with database.write("bench-campaign") as session:
        version = await audiences.create(
            session, name=name, note="", rule=rules.read(rule), now=now, staff_id=None
        )
        row = Campaign(
            name=name, kind="once", state="running", purpose="education", audience_id=version.audience_id,
            audience_version_id=version.id, holdout_percent=PERCENT, created_at=now, changed_at=now, started_at=now,
            due_at=now, attempts=0, counts={},
        )  # fmt: skip
        session.add(row)
        await session.flush()
        for arm in ("a", "b"):
            article = Article(
                slug=f"{name}-{arm}", title=arm, topic="diabetes", created_at=now, changed_at=now
            )
            session.add(article)
            await session.flush()
            session.add(
                CampaignVariant(campaign_id=row.id, arm=arm, article_id=article.id, revision=1, share=0.5)
            )
    return row.id


async def ours(database: Database, clock: VirtualClock, campaign_id: UUID) -> float:
    """Seconds of the worker's turn."""
    begun = time.perf_counter()
    await Runner(database, clock, "", turn=3600).round()
    took = time.perf_counter() - begun
    async with database.read("bench-launch") as session:
        launch = await session.get_one(CampaignLaunch, (campaign_id, 1))
    if launch.state != "made":
        raise AssertionError("the launch did not end in its turn")
    return took


async def compare(database: Database, bare: Bare, name: str) -> list[Result]:
    """Medians of `ROUNDS` turns each, after one to warm both; what they write must be the same."""
    clock = VirtualClock()
    clock.freeze(NOW)
    mine: list[float] = []
    others: list[float] = []
    written = 0
    few = await _peak(database, clock, FEW)
    whole = await _peak(database, clock, EVERYONE)
    for _ in range(ROUNDS + 1):
        campaign_id = await ready(database, clock, EVERYONE)
        await _clear(database, bare)
        mine.append(await ours(database, clock, campaign_id))
        expected = await _drawn(database, campaign_id)
        await _clear(database, bare)
        begun = time.perf_counter()
        await bare(by_hand(campaign_id, database.is_sqlite))
        others.append(time.perf_counter() - begun)
        if await _drawn(database, campaign_id) != expected:
            raise AssertionError(f"{name}: the hand-written statement draws others")
        written = sum(expected.values())
    await _clear(database, bare)
    seconds, other = (statistics.median(one[1:]) for one in (mine, others))
    against = f"the same rows by one hand-written statement, {name}"
    return [
        Result(f"campaign_launch_{name}", written / seconds, "recipients/s", against, written / other),
        Result(f"campaign_launch_time_{name}", seconds, "s", f"{written:,} rows; {against}", other),
        Result(f"campaign_launch_memory_{name}", whole, "MiB", f"a launch of a few thousand, {name}", few),
    ]


async def _clear(database: Database, bare: Bare) -> None:
    """Both begin with an empty table and nothing left to tidy up."""
    if database.is_sqlite:
        await bare("DELETE FROM campaign_recipient")
        await bare("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        await bare("TRUNCATE campaign_recipient")
        await bare("CHECKPOINT")


async def _peak(database: Database, clock: VirtualClock, rule: dict[str, Any]) -> float:
    """MiB of this process at its highest during a launch."""
    campaign_id = await ready(database, clock, rule)
    async with peak_memory() as peak:
        await ours(database, clock, campaign_id)
        return peak()


async def _drawn(database: Database, campaign_id: UUID) -> dict[str, int]:
    """Recipients by arm and state, with a sum over who they are."""
    table = CampaignRecipient
    async with database.read("bench-drawn") as session:
        rows = await session.execute(
            select(table.arm, table.state, func.count())
            .where(table.campaign_id == campaign_id)
            .group_by(table.arm, table.state)
        )
        return {f"{row[0]}/{row[1]}": row[2] for row in rows}


async def compare_sqlite(database: Database) -> list[Result]:
    connection = sqlite3.connect(
        str(database.url.database), check_same_thread=False, isolation_level=None, timeout=60
    )
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")  # as the application's connections

    async def bare(statement: str) -> None:
        await asyncio.to_thread(connection.execute, statement)

    try:
        return await compare(database, bare, "sqlite")
    finally:
        connection.close()


async def compare_postgresql(database: Database) -> list[Result]:
    url = database.url.set(drivername="postgresql").render_as_string(False)
    connection: Any = await asyncpg.connect(url)

    async def bare(statement: str) -> None:
        await connection.execute(statement)

    try:
        return await compare(database, bare, "postgresql")
    finally:
        await connection.close()


if __name__ == "__main__":
    from bench import campaign

    main(campaign)
