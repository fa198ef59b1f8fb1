"""Links to calendar files: made, found by their token, taken back. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.feeds.models import CalendarLink
from store import crypto
from store.tokens import hashes_of, link_token

PATH = "/cal/"
_KIND = "calendar_link"


async def for_appointment(
    session: AsyncSession, appointment_id: UUID, *, now: datetime, by: UUID | None = None
) -> str:
    """The patient's own: returns its path (`/cal/<token>.ics`), which is nowhere stored. It follows the appointment when that is moved."""
    return await _make(
        session, CalendarLink(appointment_id=appointment_id, created_by=by, created_at=now), link_token()
    )


async def for_doctor(session: AsyncSession, practitioner_id: UUID, *, by: UUID, now: datetime) -> str:
    """A feed a doctor subscribes to; an earlier one of theirs is good no more."""
    await revoke(session, practitioner_id, now=now)
    return await _make(
        session, CalendarLink(practitioner_id=practitioner_id, created_by=by, created_at=now), link_token()
    )


async def revoke(session: AsyncSession, practitioner_id: UUID, *, now: datetime) -> bool:
    """The doctor's feed is good no more. False when there was none."""
    ended = await session.execute(
        update(CalendarLink)
        .where(CalendarLink.practitioner_id == practitioner_id, CalendarLink.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(CalendarLink.id)
    )
    return ended.first() is not None


async def feeds_of(session: AsyncSession, practitioner_ids: Sequence[UUID]) -> dict[UUID, CalendarLink]:
    """The standing feeds of these doctors."""
    query = select(CalendarLink).where(
        CalendarLink.practitioner_id.in_(practitioner_ids), CalendarLink.revoked_at.is_(None)
    )
    found = await session.scalars(query)
    return {one.practitioner_id: one for one in found if one.practitioner_id is not None}


async def find(session: AsyncSession, token: str) -> CalendarLink | None:
    """The link of `token`; None for one that never was ours, or is good no more."""
    hashes = hashes_of(token, _KIND)
    if not hashes:
        return None
    query = select(CalendarLink).where(CalendarLink.token_hash.in_(hashes), CalendarLink.revoked_at.is_(None))
    return (await session.scalars(query)).first()


async def _make(session: AsyncSession, row: CalendarLink, token: str) -> str:
    row.token_hash = crypto.lookup(token, _KIND)
    session.add(row)
    await session.flush()
    return f"{PATH}{token}.ics"
