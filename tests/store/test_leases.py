"""Leased rows: held by one worker at a time, taken over from the dead, never stolen by a jump of the virtual clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import leases
from store.clock import VirtualClock
from store.database import Database
from tests.factories.tables import Job

SHORT = timedelta(milliseconds=150)


async def fill(database: Database, clock: VirtualClock, many: int) -> None:
    async with database.write() as session:
        session.add_all(
            Job(name=f"n{n}", number=n, attempts=0, due_at=clock.now() + timedelta(seconds=n))
            for n in range(many)
        )


async def claim(
    database: Database, clock: VirtualClock, limit: int = 10, lease: timedelta = leases.DEFAULT_LEASE
) -> tuple[UUID, list[Job]]:
    async def work(session: AsyncSession) -> tuple[UUID, list[Job]]:
        return await leases.claim(
            session, Job, now=clock.now(), limit=limit, lease=lease, order_by=(Job.number,)
        )

    return await database.transact(work, "claim")


async def release(database: Database, row: Job, token: UUID, **values: object) -> bool:
    async with database.write() as session:
        return await leases.release(session, Job, row.id, token, **values)


async def test_only_what_is_due_is_claimed_oldest_first(jobs: Database, clock: VirtualClock) -> None:
    await fill(jobs, clock, 10)
    clock.advance(timedelta(seconds=4))
    _, rows = await claim(jobs, clock, limit=3)
    assert sorted(row.number for row in rows) == [0, 1, 2]
    assert all(row.attempts == 1 and row.lease_until is not None for row in rows)
    assert sorted(row.number for row in (await claim(jobs, clock))[1]) == [3, 4]
    assert (await claim(jobs, clock))[1] == []


async def test_the_dead_and_the_idle_are_not_claimed(jobs: Database, clock: VirtualClock) -> None:
    async with jobs.write() as session:
        session.add(Job(name="idle", attempts=0, due_at=None))
        session.add(Job(name="dead", attempts=3, due_at=clock.now(), dead_reason="poison"))
    assert (await claim(jobs, clock))[1] == []


async def test_parallel_workers_never_hold_the_same_row(
    jobs: Database, clock: VirtualClock, database_url: str
) -> None:
    """Six workers on two pools of connections, as two processes would."""
    await fill(jobs, clock, 120)
    clock.advance(timedelta(seconds=200))
    other = Database(database_url)
    held: Counter[int] = Counter()

    async def worker(database: Database) -> None:
        empty = 0
        while empty < 3:
            token, rows = await claim(database, clock, limit=7)
            empty = 0 if rows else empty + 1
            for row in rows:
                held[row.number] += 1
            await asyncio.sleep(0)
            for row in rows:
                assert await release(database, row, token, due_at=None)

    try:
        await asyncio.gather(*(worker(jobs if n % 2 else other) for n in range(6)))
    finally:
        await other.close()
    assert held == Counter(dict.fromkeys(range(120), 1))


async def test_a_dead_workers_rows_are_taken_over_and_it_comes_too_late(
    jobs: Database, clock: VirtualClock
) -> None:
    await fill(jobs, clock, 1)
    old, [row] = await claim(jobs, clock, lease=SHORT)
    assert (await claim(jobs, clock))[1] == []
    await asyncio.sleep(SHORT.total_seconds() * 2)
    new, [again] = await claim(jobs, clock)
    assert (again.id, again.attempts) == (row.id, 2)
    assert not await release(jobs, row, old, due_at=None, number=99)
    async with jobs.read() as session:
        assert await session.scalar(select(Job.number)) == 0
    assert await release(jobs, again, new, due_at=None)
    assert (await claim(jobs, clock))[1] == []


async def test_a_heartbeat_keeps_the_rows(jobs: Database, clock: VirtualClock) -> None:
    await fill(jobs, clock, 1)
    clock.advance(timedelta(seconds=5))
    token, [row] = await claim(jobs, clock, lease=SHORT)
    async with jobs.write() as session:
        assert await leases.extend(session, Job, token) == 1
    await asyncio.sleep(SHORT.total_seconds() * 2)
    assert (await claim(jobs, clock))[1] == []
    assert await release(jobs, row, token, due_at=None)
    async with jobs.write() as session:
        assert await leases.extend(session, Job, token) == 0


async def test_a_jump_of_the_virtual_clock_steals_nothing(jobs: Database, clock: VirtualClock) -> None:
    await fill(jobs, clock, 3)
    clock.advance(timedelta(seconds=5))
    token, rows = await claim(jobs, clock)
    clock.advance(timedelta(days=400))
    assert (await claim(jobs, clock))[1] == []
    clock.advance(timedelta(days=-800))
    assert [await release(jobs, row, token, due_at=None) for row in rows] == [True] * 3


async def test_given_back_rows_wait_until_they_are_due(jobs: Database, clock: VirtualClock) -> None:
    await fill(jobs, clock, 1)
    token, [row] = await claim(jobs, clock)
    assert await release(jobs, row, token, due_at=clock.now() + timedelta(minutes=1))
    assert (await claim(jobs, clock))[1] == []
    clock.advance(timedelta(minutes=1))
    assert len((await claim(jobs, clock))[1]) == 1


async def test_values_are_set_with_the_claim_and_a_rolled_back_claim_holds_nothing(
    jobs: Database, clock: VirtualClock
) -> None:
    await fill(jobs, clock, 2)
    clock.advance(timedelta(seconds=5))
    async with jobs.write() as session:
        _, rows = await leases.claim(session, Job, now=clock.now(), limit=5, values={"number": 77})
        assert [row.number for row in rows] == [77, 77]
        await session.rollback()
    assert len((await claim(jobs, clock))[1]) == 2
    async with jobs.read() as session:
        assert await session.scalar(select(func.count()).where(Job.number == 77)) == 0
