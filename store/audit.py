"""The audit trail: who did or read what, ids only; chained afterwards so that a change or a gap shows.

Rows are written unchained in the transaction of the act. One sealer at a time (a leased row) chains the new ones each second:
`digest = HMAC-SHA256(key, previous digest + row)`. The head is also handed to `on_head`, to be kept outside the database.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Integer, String, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk
from store.clock import real_now
from store.database import Database, insert_new


class AuditRow(Base):
    """`actor`: `staff:<id>`, `patient:<id>`, `system`. `action`: `read`, `update`… `subject`: `patient:<id>`…"""

    __tablename__ = "audit_row"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(80), index=True)
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(120), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    seal_no: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    digest: Mapped[str | None] = mapped_column(String(64))


class AuditHead(Base):
    """The chain's head, and the lease of whoever seals."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    seal_no: Mapped[int] = mapped_column(BigInteger, default=0)
    digest: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditCheck(Base):
    """One walk over the chain: `checked` of `total` sealed rows so far; `broken` as in `ChainReport`. `told_at`: last sign of life."""

    __tablename__ = "audit_check"

    id: Mapped[UUID] = uuid_pk()
    actor: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    unsealed: Mapped[int] = mapped_column(BigInteger, default=0)
    broken: Mapped[int | None] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """`sealed` rows checked; `broken` is the seal number of the first that does not fit, or None."""

    sealed: int
    unsealed: int
    broken: int | None


def record(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    subject: str,
    at: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an audit row in the caller's transaction. `detail` holds ids and codes only."""
    session.add(AuditRow(at=at, actor=actor, action=action, subject=subject, detail=detail or {}))


def subject_of(kind: str, row_id: UUID | str) -> str:
    return f"{kind}:{row_id}"


def _digest(key: bytes, previous: str, seal_no: int, row: AuditRow) -> str:
    body = [previous, seal_no, row.id, row.at.isoformat(), row.actor, row.action, row.subject, row.detail]
    return hmac.new(
        key, json.dumps(body, sort_keys=True, ensure_ascii=False).encode(), hashlib.sha256
    ).hexdigest()


class AuditSealer:
    """Chains new rows. `key` comes from the key ring; `on_head(seal_no, digest)` keeps the head outside the database."""

    def __init__(
        self, database: Database, key: bytes, on_head: Callable[[int, str], None] | None = None
    ) -> None:
        self._database = database
        self._key = key
        self._on_head = on_head

    async def seal_once(self, limit: int = 500) -> int:
        """Seal up to `limit` rows; 0 when there are none or another process is at it."""
        async with self._database.read("audit-peek") as session:
            waiting = await session.scalar(select(AuditRow.id).where(AuditRow.seal_no.is_(None)).limit(1))
        if waiting is None:
            return 0
        async with self._database.write("audit-seal") as session:
            await insert_new(session, AuditHead, {"id": 1, "seal_no": 0, "digest": ""})
            now = real_now()
            claimed = await session.execute(
                update(AuditHead)
                .where(AuditHead.id == 1, (AuditHead.lease_until.is_(None)) | (AuditHead.lease_until < now))
                .values(lease_until=now + timedelta(seconds=30))
                .returning(AuditHead.seal_no, AuditHead.digest)
            )
            head = claimed.first()
            if head is None:
                return 0
            seal_no, digest = head
            rows = list(
                await session.scalars(
                    select(AuditRow).where(AuditRow.seal_no.is_(None)).order_by(AuditRow.id).limit(limit)
                )
            )
            for row in rows:
                seal_no += 1
                digest = _digest(self._key, digest, seal_no, row)
                row.seal_no, row.digest = seal_no, digest
            await session.execute(
                update(AuditHead)
                .where(AuditHead.id == 1)
                .values(seal_no=seal_no, digest=digest, lease_until=None)
            )
        if rows and self._on_head is not None:
            self._on_head(seal_no, digest)
        return len(rows)

    async def verify(self) -> ChainReport:
        """Walk the whole chain. The head is read first: what is sealed meanwhile comes after it and must fit as well."""
        previous, expected, sealed, at_head = "", 0, 0, ""
        async with self._database.read("audit-verify") as session:
            head = await session.get(AuditHead, 1)
            rows = await session.stream_scalars(
                select(AuditRow).where(AuditRow.seal_no.is_not(None)).order_by(AuditRow.seal_no)
            )
            async for row in rows:
                expected += 1
                if row.seal_no != expected or row.digest != _digest(self._key, previous, expected, row):
                    return ChainReport(sealed, 0, expected)
                previous, sealed = row.digest or "", sealed + 1
                if head is not None and sealed == head.seal_no:
                    at_head = previous
            waiting = select(func.count()).select_from(AuditRow).where(AuditRow.seal_no.is_(None))
            pending = await session.scalar(waiting) or 0
        if head.digest != at_head if head is not None else sealed > 0:
            return ChainReport(sealed, pending, sealed + 1)
        return ChainReport(sealed, pending, None)
