"""Column types of ours: sealed fields bound to their row, times that are UTC, ids from birth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from store.crypto import CryptoError
from store.database import Database
from store.ids import new_id, new_secret
from tests.factories.tables import Job

SHANGHAI = timezone(timedelta(hours=8))


async def test_sealed_fields_come_back_and_are_not_readable_in_the_database(jobs: Database) -> None:
    row = Job(name="a", secret="王秀兰，胸痛两天", facts={"药": ["二甲双胍", 2]}, attempts=0)
    async with jobs.write() as session:
        session.add(row)
    async with jobs.read() as session:
        found = (await session.scalars(select(Job))).one()
        raw = (await session.execute(text("SELECT secret_sealed, facts_sealed FROM test_job"))).one()
    assert (found.secret, found.facts) == ("王秀兰，胸痛两天", {"药": ["二甲双胍", 2]})
    assert all("王秀兰".encode() not in value and "胍".encode() not in value for value in raw)


def test_a_sealed_field_copied_to_another_row_or_field_does_not_open(keyring: object) -> None:
    one, two = Job(name="a", secret="一"), Job(name="b", secret="二")
    two.secret_sealed = one.secret_sealed
    with pytest.raises(CryptoError, match="test_job/secret"):
        _ = two.secret
    one.facts_sealed = one.secret_sealed
    with pytest.raises(CryptoError, match="test_job/facts"):
        _ = one.facts


def test_empty_is_empty(keyring: object) -> None:
    row = Job(name="a", secret="", facts=[])
    assert (row.secret, row.facts) == ("", [])
    row.secret = None
    assert row.secret is None
    assert row.secret_sealed is None


def test_ids_exist_from_birth_and_are_ordered_by_time() -> None:
    assert Job(name="a").id.version == 7
    given = uuid4()
    assert Job(name="a", id=given).id == given
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert ids == sorted(ids)
    assert new_secret() != new_secret()


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        Job(name="a", nonsense=1)


async def test_times_are_stored_as_utc_and_come_back_aware(jobs: Database) -> None:
    local = datetime(2026, 11, 22, 9, 30, tzinfo=SHANGHAI)
    async with jobs.write() as session:
        session.add(Job(name="a", due_at=local, attempts=0))
    async with jobs.read() as session:
        found = (await session.scalars(select(Job.due_at))).one()
        assert found == local
        assert found.tzinfo is UTC
        same = select(Job.name).where(Job.due_at == datetime(2026, 11, 22, 1, 30, tzinfo=UTC))
        assert await session.scalar(same) == "a"


async def test_a_naive_time_is_refused(jobs: Database) -> None:
    with pytest.raises(Exception, match="naive"):
        async with jobs.write() as session:
            session.add(Job(name="a", due_at=datetime(2026, 11, 22, 9, 30), attempts=0))
