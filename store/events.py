"""`patient_event`: append-only, written in the transaction of the fact. Rooms read it by cursor, never call each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, Integer, String, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import Base, Mapped, mapped_column


class PatientEvent(Base):
    """`kind` is dotted (`appointment.booked`); `data` holds ids and codes only, never text a person wrote."""

    __tablename__ = "patient_event"
    __table_args__ = (Index(None, "patient_id", "id"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    patient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class EventCursor(Base):
    """How far a consumer has read."""

    __tablename__ = "event_cursor"

    consumer: Mapped[str] = mapped_column(String(80), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)


def emit(session: AsyncSession, patient_id: UUID, kind: str, at: datetime, **data: Any) -> None:
    """Append an event inside the caller's transaction."""
    session.add(PatientEvent(patient_id=patient_id, kind=kind, at=at, data=data))


async def read_after(session: AsyncSession, consumer: str, limit: int = 200) -> list[PatientEvent]:
    """The next events for `consumer`, oldest first; move on with `advance`."""
    cursor = await session.get(EventCursor, consumer)
    position = cursor.position if cursor else 0
    rows = await session.scalars(
        select(PatientEvent).where(PatientEvent.id > position).order_by(PatientEvent.id).limit(limit)
    )
    return list(rows)


async def advance(session: AsyncSession, consumer: str, position: int) -> None:
    """Remember that `consumer` has handled everything up to `position`."""
    cursor = await session.get(EventCursor, consumer)
    if cursor is None:
        session.add(EventCursor(consumer=consumer, position=position))
    else:
        cursor.position = max(cursor.position, position)
