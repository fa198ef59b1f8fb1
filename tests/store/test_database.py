"""Transactions: nothing lost under many writers, nobody sunk by a neighbour, no session inside another."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from store.database import (
    Database,
    DatabaseUnavailable,
    after_commit,
    assert_no_session,
    insert_new,
)
from store.ids import new_id
from tests.factories.tables import Job

AT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


async def count(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(Job)) or 0


async def add(database: Database, name: str, number: int = 0) -> None:
    async with database.write("add") as session:
        session.add(Job(name=name, number=number, attempts=0))


async def test_a_transaction_is_kept_or_not_at_all(jobs: Database) -> None:
    await add(jobs, "kept")
    with pytest.raises(RuntimeError, match="no"):
        async with jobs.write() as session:
            session.add(Job(name="dropped", attempts=0))
            await session.flush()
            raise RuntimeError("no")
    assert await count(jobs) == 1


async def test_many_writers_that_read_first_lose_nothing(jobs: Database, database_url: str) -> None:
    """Each adds one to a number it has read, from two processes' worth of connections."""
    await add(jobs, "sum")
    other = Database(database_url)

    async def plus_one(database: Database) -> None:
        async with database.write("plus") as session:
            row = (await session.scalars(select(Job).where(Job.name == "sum").with_for_update())).one()
            await asyncio.sleep(0)
            row.number += 1

    try:
        await asyncio.gather(*(plus_one(jobs if n % 2 else other) for n in range(80)))
    finally:
        await other.close()
    async with jobs.read() as session:
        assert await session.scalar(select(Job.number)) == 80


async def test_what_was_read_can_be_used_after_the_session(jobs: Database) -> None:
    await add(jobs, "a", 7)
    async with jobs.read() as session:
        row = (await session.scalars(select(Job))).one()
    assert (row.name, row.number, row.secret) == ("a", 7, None)
    async with jobs.write() as session:
        row = (await session.scalars(select(Job))).one()
        row.number = 8
    assert row.number == 8


async def test_what_a_reader_adds_is_never_stored(jobs: Database) -> None:
    async with jobs.read() as session:
        session.add(Job(name="a", attempts=0))
    assert await count(jobs) == 0


async def test_a_reader_does_not_wait_for_a_writer(jobs: Database) -> None:
    async with jobs.write() as session:
        session.add(Job(name="a", attempts=0))
        await session.flush()
        assert await asyncio.wait_for(asyncio.create_task(_outside(count, jobs)), 5) == 0


async def _outside(work, database: Database) -> int:  # type: ignore[no-untyped-def]
    """In a context that holds no session: a task copies its maker's."""
    import contextvars

    return await asyncio.get_running_loop().create_task(work(database), context=contextvars.Context())


async def test_a_session_inside_a_session_is_a_bug(jobs: Database) -> None:
    async with jobs.write("outer"):
        with pytest.raises(AssertionError, match=r"inner.*outer"):
            async with jobs.write("inner"):
                pass
        with pytest.raises(AssertionError, match="outer"):
            await jobs.transact(_nothing, "inner")
    async with jobs.read("outer"):
        with pytest.raises(AssertionError, match="outer"):
            assert_no_session("a call to a vendor")
    assert_no_session("afterwards")


async def _nothing(session: AsyncSession) -> None:
    pass


async def test_insert_new_says_whether_it_was(jobs: Database) -> None:
    values = {"name": "once", "number": 1, "attempts": 0}
    async with jobs.write() as session:
        assert await insert_new(session, Job, {"id": new_id(), **values})
        assert not await insert_new(session, Job, {"id": new_id(), **values})
        session.add(Job(name="after", attempts=0))
    assert await count(jobs) == 2


async def test_insert_new_by_many_at_once_is_new_once(jobs: Database) -> None:
    async def work(session: AsyncSession) -> bool:
        return await insert_new(session, Job, {"id": new_id(), "name": "once", "number": 1, "attempts": 0})

    made = await asyncio.gather(*(jobs.transact(work, "insert") for _ in range(20)))
    assert sum(made) == 1


async def test_transact_gives_each_its_own_result(jobs: Database) -> None:
    async def one(n: int) -> int:
        async def work(session: AsyncSession) -> int:
            session.add(Job(name=f"n{n}", number=n, attempts=0))
            return n * 10

        return await jobs.transact(work, "add")

    assert await asyncio.gather(*(one(n) for n in range(100))) == [n * 10 for n in range(100)]
    assert await count(jobs) == 100


async def test_a_failing_unit_sinks_nobody_else(jobs: Database) -> None:
    async def one(n: int) -> int:
        async def work(session: AsyncSession) -> int:
            session.add(Job(name="same" if n % 10 == 5 else f"n{n}", attempts=0))
            await session.flush()
            if n % 10 == 3:
                raise LookupError(f"unit {n}")
            return n

        return await jobs.transact(work, "add")

    done = await asyncio.gather(*(one(n) for n in range(40)), return_exceptions=True)
    for n, result in enumerate(done):
        if n % 10 == 3:
            assert isinstance(result, LookupError)
            assert str(result) == f"unit {n}"
        elif n % 10 == 5:
            assert result == n or isinstance(result, IntegrityError)
        else:
            assert result == n
    assert sum(not isinstance(result, Exception) for result in done[5::10]) == 1
    assert await count(jobs) == 33


async def test_a_caller_that_gives_up_does_not_undo_the_write(jobs: Database) -> None:
    started = asyncio.Event()

    async def work(session: AsyncSession) -> None:
        session.add(Job(name="a", attempts=0))
        await session.flush()
        started.set()

    calling = asyncio.create_task(jobs.transact(work, "add"))
    if jobs.is_sqlite:
        await started.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        for _ in range(100):
            if await count(jobs):
                break
            await asyncio.sleep(0.01)
    else:
        await calling
    assert await count(jobs) == 1


async def test_after_commit_runs_after_the_commit_and_never_on_rollback(jobs: Database) -> None:
    said: list[str] = []

    async def seen() -> None:
        said.append(f"rows {await count(jobs)}")

    async with jobs.write() as session:
        session.add(Job(name="a", attempts=0))
        after_commit(session, lambda: said.append("plain"))
        after_commit(session, seen)
        assert said == []
    assert said == ["plain", "rows 1"]
    with pytest.raises(RuntimeError):
        async with jobs.write() as session:
            after_commit(session, lambda: said.append("never"))
            raise RuntimeError
    assert said == ["plain", "rows 1"]


async def test_after_commit_work_that_fails_does_not_run_the_transaction_again(jobs: Database) -> None:
    """What is committed is committed: neighbours in the same commit must not be done twice."""
    await add(jobs, "sum")

    async def one(n: int) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(update(Job).values(number=Job.number + 1))
            if n == 2:
                after_commit(session, _fails)

        await jobs.transact(work, "plus")

    await asyncio.gather(*(one(n) for n in range(5)), return_exceptions=True)
    async with jobs.read() as session:
        assert await session.scalar(select(Job.number)) == 5


def _fails() -> None:
    raise RuntimeError("the one to be woken is gone")


async def test_a_database_that_is_away_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    away = Database(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'x.db'}")
    with pytest.raises(DatabaseUnavailable):
        await away.ping()
    await away.close()
    nobody = Database("postgresql+asyncpg://banyi@127.0.0.1:9/banyi")
    with pytest.raises(DatabaseUnavailable):
        await nobody.ping()
    await nobody.close()


async def test_a_wrong_statement_is_not_taken_for_an_absent_database(jobs: Database) -> None:
    await add(jobs, "a")
    with pytest.raises(IntegrityError):
        await add(jobs, "a")


async def test_errors_show_no_values(jobs: Database) -> None:
    """Parameters may hold hashes and names: they do not belong into logs. (PostgreSQL itself names the key that was taken.)"""
    await add(jobs, "secret-name")
    with pytest.raises(IntegrityError) as caught:
        await add(jobs, "secret-name")
    assert "secret-name" not in str(caught.value).replace("(name)=(secret-name)", "")
