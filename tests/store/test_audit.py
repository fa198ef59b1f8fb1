"""The audit trail: chained by one sealer at a time, and a change, a gap or a cut end shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from store import audit, audit_check
from store.audit import AuditRow, AuditSealer, ChainReport
from store.clock import VirtualClock, real_now
from store.database import Database
from store.ids import new_id

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


async def test_a_cut_off_end_is_found_by_the_head_outside(database: Database, clock: VirtualClock) -> None:
    """The end is deleted and the head set back to an older row, as somebody with the database would: every digest still fits."""
    outside: list[tuple[int, str]] = []
    sealer = AuditSealer(database, KEY, lambda *head: outside.append(head), lambda: outside[-1])
    await write(database, clock, 5)
    outside.append((0, ""))
    assert await sealer.seal_once() == 5
    assert await sealer.verify() == ChainReport(sealed=5, unsealed=0, broken=None)
    await do(database, "DELETE FROM audit_row WHERE seal_no > 3")
    await do(
        database,
        "UPDATE audit_head SET seal_no = 3, digest = (SELECT digest FROM audit_row WHERE seal_no = 3)",
    )
    assert (await sealer.verify()).broken == 4
    assert (await AuditSealer(database, KEY).verify()).broken is None, "nobody else could tell"
    await write(database, clock, 1)
    assert await sealer.seal_once() == 2, "the loss itself is sealed"
    assert (await sealer.verify()).broken is None
    async with database.read() as session:
        told = (await session.scalars(select(AuditRow).where(AuditRow.action == "audit_lost"))).one()
    assert told.detail == {"sealed_before": 5, "found": 3}


async def test_a_long_chain_is_walked_in_parts_and_told(database: Database, sealer: AuditSealer) -> None:
    told: list[tuple[int, int]] = []

    async def hear(checked: int, total: int) -> None:
        told.append((checked, total))

    assert (await sealer.verify(hear, batch=3)).sealed == 7
    assert told == [(3, 7), (6, 7)]
    await do(database, "UPDATE audit_row SET actor = 'staff:1' WHERE seal_no = 5")
    assert (await sealer.verify(hear, batch=3)).broken == 5


async def test_a_check_is_remembered_and_walks_alone(
    database: Database, clock: VirtualClock, sealer: AuditSealer
) -> None:
    async with database.write() as session:
        begun = await audit_check.begin(session, "staff:9")
    assert begun is not None
    async with database.write() as session:
        assert await audit_check.begin(session, "staff:8") is None
    await audit_check.walk(database, sealer, begun)
    async with database.read() as session:
        (last,) = await audit_check.checks(session)
    assert (last.actor, last.checked, last.total, last.unsealed, last.broken) == ("staff:9", 7, 7, 1, None)
    assert last.ended_at is not None
    async with database.write() as session:
        assert await audit_check.begin(session, "staff:8") is not None


async def test_a_read_is_a_row_for_each_patient(database: Database, clock: VirtualClock) -> None:
    staff_id = new_id()
    async with database.write() as session:
        audit.read(session, staff_id, ["patient:1", "patient:2"], clock.now(), "delivery", part="words")
        audit.read(session, staff_id, ["patient:3"], clock.now(), "delivery", refused=True)
    async with database.read() as session:
        rows = list(await session.scalars(select(AuditRow).order_by(AuditRow.id)))
    assert [(one.action, one.subject, one.actor) for one in rows] == [
        ("read", "patient:1", f"staff:{staff_id}"),
        ("read", "patient:2", f"staff:{staff_id}"),
        ("read_refused", "patient:3", f"staff:{staff_id}"),
    ]
    assert rows[0].detail == {"page": "delivery", "part": "words"}
