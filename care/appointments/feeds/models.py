"""Who may fetch which calendar. No token is stored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class CalendarLink(Base):
    """`/cal/<token>`: of one appointment (and what it was moved to), or a doctor's feed; one of the two is set.

    `token_hash` is all that is kept of the token.
    """

    __tablename__ = "calendar_link"
    __table_args__ = (Index(None, "practitioner_id"), Index(None, "appointment_id"))

    id: Mapped[UUID] = uuid_pk()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id", ondelete="CASCADE"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None]
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
