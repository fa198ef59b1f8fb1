"""Big screens: an address each, that nobody can guess, and what it shows. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.queue.models import QueueScreen
from care.patients.models import Patient
from store import audit, crypto
from store.tokens import hashes_of, link_token

PATH = "/screen/"
SEEN_EVERY = timedelta(minutes=1)
"""How often it is noted that a screen is alive."""
KIND = "queue_screen"
"""Of what the look-up hashes are."""


async def make(
    session: AsyncSession, name: str, department_id: UUID, *, by: UUID, now: datetime
) -> tuple[QueueScreen, str]:
    """The screen and its path (`/screen/<token>`), which is nowhere stored."""
    token = link_token()
    row = QueueScreen(
        name=name,
        department_id=department_id,
        token_hash=crypto.lookup(token, KIND),
        created_at=now,
        created_by=by,
    )
    session.add(row)
    await session.flush()
    _audit(session, row.id, by, "screen.make", now)
    return row, f"{PATH}{token}"


async def find(session: AsyncSession, token: str) -> QueueScreen | None:
    """The screen of `token`; None for one that never was ours, or is good no more."""
    hashes = hashes_of(token, KIND)
    if not hashes:
        return None
    query = select(QueueScreen).where(QueueScreen.token_hash.in_(hashes), QueueScreen.revoked_at.is_(None))
    return (await session.scalars(query)).first()


async def alive(session: AsyncSession, screen_id: UUID, now: datetime) -> None:
    """It was looked at."""
    await session.execute(update(QueueScreen).where(QueueScreen.id == screen_id).values(seen_at=now))


def is_stale(row: QueueScreen, now: datetime) -> bool:
    """Whether `alive` should be noted again."""
    return row.seen_at is None or now - row.seen_at >= SEEN_EVERY


async def standing(session: AsyncSession) -> Sequence[QueueScreen]:
    """Those in use, by name."""
    query = select(QueueScreen).where(QueueScreen.revoked_at.is_(None)).order_by(QueueScreen.name)
    return (await session.scalars(query)).all()


async def revoke(session: AsyncSession, screen_id: UUID, *, by: UUID, now: datetime) -> bool:
    """Its address shows nothing any more. False when that was so already."""
    ended = await session.execute(
        update(QueueScreen)
        .where(QueueScreen.id == screen_id, QueueScreen.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(QueueScreen.id)
    )
    if ended.first() is None:
        return False
    _audit(session, screen_id, by, "screen.revoke", now)
    return True


def shown_name(patient: Patient) -> str:
    """`张*`: the family name only, for a room full of people; nothing of who is confidential."""
    return "" if patient.confidential else f"{patient.name[:1]}*"


def _audit(session: AsyncSession, screen_id: UUID, by: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("screen", screen_id)
    audit.record(session, actor=audit.subject_of("staff", by), action=action, subject=subject, at=now)
