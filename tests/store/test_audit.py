"""The audit trail: chained by one sealer at a time, and a change, a gap or a cut end shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from store import audit
from store.audit import AuditSealer, ChainReport
from store.clock import VirtualClock, real_now
from store.database import Database

KEY = b"a" * 32


@pytest.fixture
async def sealer(database: Database, clock: VirtualClock) -> AuditSealer:
    """Seven rows, sealed."""
    await write(database, clock, 7)
    sealer = AuditSealer(database, KEY)
    assert await sealer.seal_once() == 7
    return sealer


async def write(database: Database, clock: VirtualClock, many: int) -> None:
    async with database.write() as session:
        for n in range(many):
            audit.record(
                session,
                actor="staff:9",
                action="read",
                subject=audit.subject_of("patient", str(n)),
                at=clock.now() + timedelta(microseconds=n),
                detail={"field": "phone", "n": n},
            )


async def do(database: Database, statement: str) -> None:
    async with database.write() as session:
        assert (await session.execute(text(statement))).rowcount > 0  # type: ignore[attr-defined]


async def test_the_chain_proves_itself_and_goes_on(
    database: Database, clock: VirtualClock, sealer: AuditSealer
) -> None:
    assert await sealer.verify() == ChainReport(sealed=7, unsealed=0, broken=None)
    await write(database, clock, 2)
    assert await sealer.verify() == ChainReport(sealed=7, unsealed=2, broken=None)
    assert await sealer.seal_once(limit=1) == 1
    assert await sealer.seal_once() == 1
    assert await sealer.seal_once() == 0
    assert await sealer.verify() == ChainReport(sealed=9, unsealed=0, broken=None)


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit_row SET actor = 'staff:1' WHERE seal_no = 3", 3),
        ("UPDATE audit_row SET subject = 'patient:0' WHERE seal_no = 5", 5),
        ("UPDATE audit_row SET detail = '{}' WHERE seal_no = 1", 1),
        ("DELETE FROM audit_row WHERE seal_no = 4", 4),
        ("DELETE FROM audit_row WHERE seal_no = 7", 7),
        ("DELETE FROM audit_row WHERE seal_no = 1", 1),
        ("UPDATE audit_head SET digest = 'x'", 8),
        ("DELETE FROM audit_head", 8),
    ],
)
async def test_a_change_or_a_gap_is_found(
    database: Database, sealer: AuditSealer, tampering: str, broken: int
) -> None:
    await do(database, tampering)
    assert (await sealer.verify()).broken == broken


async def test_another_key_does_not_prove_it(database: Database, sealer: AuditSealer) -> None:
    assert (await AuditSealer(database, b"b" * 32).verify()).broken == 1


async def test_many_sealers_make_one_chain(database: Database, clock: VirtualClock) -> None:
    heads: list[tuple[int, str]] = []
    sealers = [AuditSealer(database, KEY, lambda n, digest: heads.append((n, digest))) for _ in range(4)]
    for _ in range(3):
        await write(database, clock, 5)
        await asyncio.gather(*(sealer.seal_once(limit=3) for sealer in sealers))
    while await sealers[0].seal_once(limit=3):
        pass
    assert await sealers[1].verify() == ChainReport(sealed=15, unsealed=0, broken=None)
    assert sorted(n for n, _ in heads)[-1] == 15
    assert len({n for n, _ in heads}) == len(heads)


async def test_a_sealer_that_died_is_followed_by_another(
    database: Database, clock: VirtualClock, sealer: AuditSealer
) -> None:
    await write(database, clock, 1)
    async with database.write() as session:
        head = await session.get(audit.AuditHead, 1)
        assert head is not None
        head.lease_until = real_now() + timedelta(seconds=20)
    assert await sealer.seal_once() == 0
    async with database.write() as session:
        head = await session.get(audit.AuditHead, 1)
        assert head is not None
        head.lease_until = real_now() - timedelta(seconds=1)
    assert await sealer.seal_once() == 1
