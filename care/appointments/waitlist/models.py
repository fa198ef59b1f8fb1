"""Who waits for a place."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class Waiting(StrEnum):
    """FHIR's Appointment status `waitlist`, in its stages. `LEFT`: the patient wants none; `OVER`: the days asked for are past, the doctor
    is gone, or offers stayed without an answer."""

    WAITING = "waiting"
    OFFERED = "offered"
    BOOKED = "booked"
    LEFT = "left"
    OVER = "over"


LIVE = (Waiting.WAITING, Waiting.OFFERED)
_LIVE_SQL = text("status IN ('waiting', 'offered')")


class WaitlistEntry(Base):
    """One patient waits once for a department. `practitioner_id` None: any doctor; `part` None: all day; both days included.

    While offered, `hold_id` keeps the place until `offer_until`. `offers`: how many were made.
    """

    __tablename__ = "waitlist_entry"
    __table_args__ = (
        Index(
            "uq_waitlist_live",
            "patient_id",
            "department_id",
            unique=True,
            sqlite_where=_LIVE_SQL,
            postgresql_where=_LIVE_SQL,
        ),
        Index(None, "status", "created_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    conversation_id: Mapped[UUID] = mapped_column(index=True)
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    part: Mapped[str | None] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10), default=Waiting.WAITING)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    offers: Mapped[int] = mapped_column(Integer, default=0)
    hold_id: Mapped[UUID | None]
    offer_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
