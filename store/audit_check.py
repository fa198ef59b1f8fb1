"""Proving the audit trail's chain, and remembering when that was done and how it went."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.audit import TRAIL, AuditCheck, AuditHead, AuditSealer, ChainReport
from store.clock import real_now
from store.database import Database

SILENT = timedelta(minutes=2)
"""A check that has not told anything for so long died with its process."""


async def last_sealed(session: AsyncSession) -> AuditHead | None:
    return await session.get(AuditHead, 1)


async def checks(session: AsyncSession, limit: int = 5) -> list[AuditCheck]:
    """The newest first."""
    return list(await session.scalars(select(AuditCheck).order_by(AuditCheck.id.desc()).limit(limit)))


def running(check: AuditCheck, now: datetime) -> bool:
    return check.ended_at is None and now - check.told_at < SILENT


async def begin(session: AsyncSession, actor: str) -> AuditCheck | None:
    """A new check to be walked by `walk`; None while another one walks."""
    now = real_now()
    newest = await checks(session, 1)
    if newest and running(newest[0], now):
        return None
    head = await last_sealed(session)
    check = AuditCheck(
        actor=actor,
        started_at=now,
        told_at=now,
        checked=0,
        total=head.seal_no if head is not None else 0,
        unsealed=0,
    )
    session.add(check)
    audit.record(session, actor=actor, action="audit_verified", subject=TRAIL, at=now)
    await session.flush()
    return check


async def walk(database: Database, sealer: AuditSealer, check: AuditCheck) -> ChainReport:
    """Walk the chain and write down how far it is, and at the end what was found."""

    async def tell(checked: int, total: int) -> None:
        async with database.write("audit-check") as session:
            row = await session.get_one(AuditCheck, check.id)
            row.checked, row.total, row.told_at = checked, max(total, checked), real_now()

    report = await sealer.verify(tell)
    async with database.write("audit-check") as session:
        row = await session.get_one(AuditCheck, check.id)
        row.checked, row.unsealed, row.broken = report.sealed, report.unsealed, report.broken
        row.total = max(row.total, report.sealed)
        row.told_at = row.ended_at = real_now()
    return report
