"""Looking ids up, both ways."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.models import ExternalRef
from store import crypto
from store.database import insert_new

_KIND = "external"


def hash_of(external_id: str) -> str:
    return crypto.lookup(external_id, _KIND)


async def ours(session: AsyncSession, system: str, kind: str, external_id: str) -> UUID | None:
    """Our row behind a system's id."""
    return (await ours_of(session, system, kind, [external_id])).get(external_id)


async def ours_of(
    session: AsyncSession, system: str, kind: str, external_ids: Collection[str]
) -> dict[str, UUID]:
    """As `ours`, for many; those we do not know are left out."""
    asked = {one: crypto.lookups(one, _KIND) for one in external_ids}
    hashes = [one for several in asked.values() for one in several]
    known: dict[str, UUID] = {}
    for at in range(0, len(hashes), 500):
        rows = await session.execute(
            select(ExternalRef.external_hash, ExternalRef.our_id).where(
                ExternalRef.system == system,
                ExternalRef.kind == kind,
                ExternalRef.external_hash.in_(hashes[at : at + 500]),
            )
        )
        known |= {str(row[0]): row[1] for row in rows}
    return {
        one: known[digest]
        for one, several in asked.items()
        if (digest := next((h for h in several if h in known), None))
    }


async def theirs(session: AsyncSession, system: str, kind: str, our_id: UUID) -> ExternalRef | None:
    """The system's id of our row; of several the one seen last."""
    found = select(ExternalRef).where(
        ExternalRef.kind == kind, ExternalRef.our_id == our_id, ExternalRef.system == system
    )
    newest = found.order_by(ExternalRef.seen_at.desc(), ExternalRef.id.desc()).limit(1)
    row: ExternalRef | None = await session.scalar(newest.execution_options(populate_existing=True))
    return row


async def remember(
    session: AsyncSession,
    system: str,
    kind: str,
    external_id: str,
    our_id: UUID,
    *,
    now: datetime,
    etag: str | None = None,
) -> None:
    """The id names our row from now on; one it named before is forgotten. Idempotent."""
    if not await insert_new(
        session, ExternalRef, new_ref(system, kind, external_id, our_id, now=now, etag=etag)
    ):
        await session.execute(
            update(ExternalRef)
            .where(
                ExternalRef.system == system,
                ExternalRef.kind == kind,
                ExternalRef.external_hash.in_(crypto.lookups(external_id, _KIND)),
            )
            .values(our_id=our_id, etag=etag, seen_at=now)
            .execution_options(synchronize_session=False)
        )


async def move_over(session: AsyncSession, kind: str, from_id: UUID, to_id: UUID) -> None:
    """Every id of one row of ours names another (two records of one patient were merged)."""
    await session.execute(
        update(ExternalRef)
        .where(ExternalRef.kind == kind, ExternalRef.our_id == from_id)
        .values(our_id=to_id)
        .execution_options(synchronize_session=False)
    )


def new_ref(
    system: str, kind: str, external_id: str, our_id: UUID, *, now: datetime, etag: str | None = None
) -> dict[str, Any]:
    """The values of a row, for who inserts many."""
    row = ExternalRef(system=system, kind=kind, our_id=our_id, etag=etag, seen_at=now)
    row.external_id, row.external_hash = external_id, hash_of(external_id)
    names = ("id", "system", "kind", "external_id_sealed", "external_hash", "our_id", "etag", "seen_at")
    return {name: getattr(row, name) for name in names}
