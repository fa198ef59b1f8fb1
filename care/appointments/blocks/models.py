"""A stretch of a doctor's day that is not given out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class ClinicBlock(Base):
    """From `start` up to `end`; who is booked in it stays booked. `reason`: one of `closures.models.Reason`.

    `undone_at`: opened again.
    """

    __tablename__ = "clinic_block"
    __table_args__ = (Index(None, "practitioner_id", "start"),)

    id: Mapped[UUID] = uuid_pk()
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(20))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[UUID | None]
