"""The audit trail: who did or read what, ids only; chained afterwards so that a change or a gap shows.

Rows are written unchained in the transaction of the act. One sealer at a time (a leased row) chains the new ones each second:
`digest = HMAC-SHA256(key, previous digest + row)`. The head is also handed to `on_head`, to be kept outside the database.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Integer, String, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk
from store.clock import real_now
from store.database import Database, insert_new

LIVE = timedelta(minutes=10)
TRAIL = "audit_trail"
"""The subject of what is about the trail as a whole."""


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


def read(
    session: AsyncSession,
    staff_id: UUID,
    whom: Iterable[str],
    at: datetime,
    page: str,
    *,
    refused: bool = False,
    **detail: Any,
) -> None:
    """A member of staff saw what is about `whom` (`patient:<id>`, or `contact:<id>`, `outbound:<id>` where no patient is known).

    Every page that shows a patient calls this, a row for each. `page`: where, a code of the audit page's words.
    """
    actor, action = subject_of("staff", staff_id), "read_refused" if refused else "read"
    session.add_all(
        AuditRow(at=at, actor=actor, action=action, subject=one, detail={"page": page, **detail})
        for one in whom
    )


async def read_live(
    session: AsyncSession, staff_id: UUID, whom: Collection[str], at: datetime, page: str, **detail: Any
) -> None:
    """As `read`, for a part of a page that refreshes itself: a row for who was not read by this person in the last `LIVE`."""
    if not whom:
        return
    known = await session.scalars(
        select(AuditRow.subject)
        .where(
            AuditRow.subject.in_(whom),
            AuditRow.actor == subject_of("staff", staff_id),
            AuditRow.action == "read",
            AuditRow.at > at - LIVE,
        )
        .distinct()
    )
    seen = set(known)
    read(session, staff_id, [one for one in whom if one not in seen], at, page, **detail)


def subject_of(kind: str, row_id: UUID | str) -> str:
    return f"{kind}:{row_id}"


def _digest(key: bytes, previous: str, seal_no: int, row: AuditRow) -> str:
    body = [previous, seal_no, row.id, row.at.isoformat(), row.actor, row.action, row.subject, row.detail]
    return hmac.new(
        key, json.dumps(body, sort_keys=True, ensure_ascii=False).encode(), hashlib.sha256
    ).hexdigest()


class AuditSealer:
    """Chains new rows. `on_head(seal_no, digest)` keeps the head outside the database, `kept_head()` reads it there."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        on_head: Callable[[int, str], None] | None = None,
        kept_head: Callable[[], tuple[int, str] | None] | None = None,
    ) -> None:
        self._database = database
        self._key = key
        self._on_head = on_head
        self._kept_head = kept_head

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
            await self._note_a_loss(session, seal_no, digest, now)
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
                .values(seal_no=seal_no, digest=digest, lease_until=None, sealed_at=real_now())
            )
        if rows and self._on_head is not None:
            self._on_head(seal_no, digest)
        return len(rows)

    async def _note_a_loss(self, session: AsyncSession, seal_no: int, digest: str, now: datetime) -> None:
        """The database knows less than was sealed before (cut off, an older backup, power lost): said in the chain itself."""
        kept = self._kept_head() if self._kept_head is not None else None
        if kept is not None and (kept[0] > seal_no or (kept[0] == seal_no and kept[1] != digest)):
            detail = {"sealed_before": kept[0], "found": seal_no}
            record(session, actor="system", action="audit_lost", subject=TRAIL, at=now, detail=detail)
            await session.flush()

    async def verify(
        self, on_progress: Callable[[int, int], Awaitable[None]] | None = None, batch: int = 5000
    ) -> ChainReport:
        """Walk the whole chain: every row fits the one before, and it ends where the head says.

        It must also pass through the head kept outside the database: who cut off the chain's end and set the head back to an
        older row is found by that alone. The head is read first: what is sealed meanwhile comes after it and must fit as
        well. `on_progress(checked, total)` is called between batches, with no session open.
        """
        kept = self._kept_head() if self._kept_head is not None else None
        async with self._database.read("audit-verify") as session:
            head = await session.get(AuditHead, 1)
        wanted = {head.seal_no: head.digest} if head is not None else {}
        previous, sealed, outside = "", 0, kept is None or kept[0] == 0
        while True:
            async with self._database.read("audit-verify") as session:
                rows = list(
                    await session.scalars(
                        select(AuditRow)
                        .where(AuditRow.seal_no > sealed)
                        .order_by(AuditRow.seal_no)
                        .limit(batch)
                    )
                )
                pending = await session.scalar(_WAITING) or 0
            for row in rows:
                if row.seal_no != sealed + 1 or row.digest != _digest(self._key, previous, sealed + 1, row):
                    return ChainReport(sealed, 0, sealed + 1)
                previous, sealed = row.digest or "", sealed + 1
                if wanted.get(sealed, previous) != previous:
                    return ChainReport(sealed, pending, sealed + 1)
                outside = outside or kept == (sealed, previous)
            if len(rows) < batch:
                break
            if on_progress is not None:
                await on_progress(sealed, head.seal_no if head is not None else sealed)
        if (head is None and sealed > 0) or (head is not None and sealed < head.seal_no) or not outside:
            return ChainReport(sealed, pending, sealed + 1)
        return ChainReport(sealed, pending, None)


_WAITING = select(func.count()).select_from(AuditRow).where(AuditRow.seal_no.is_(None))
