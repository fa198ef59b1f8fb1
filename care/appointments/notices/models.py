"""A notice owed to a patient because staff booked, moved or cancelled for them, offered a place or called them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class NoticeKind(StrEnum):
    """What staff did. `ASKED`: cancelled because the patient asked for it. `CALLED`, `PASSED`: in the queue, in vain."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    ASKED = "asked"
    OFFERED = "offered"
    CALLED = "called"
    PASSED = "passed"


class NoticeState(StrEnum):
    """Where a notice stands. `KEPT`: it was out of date before it was told. `UNDONE`: the act was taken back in time."""

    PLANNED = "planned"
    TOLD = "told"
    CALL = "call"
    KEPT = "kept"
    UNDONE = "undone"


class ClinicNotice(Base):
    """One notice. `appointment_id`: the appointment told of (a moved one: the new); `previous_id`: the one it moved.

    `entry_id`: the waitlist entry a place was offered to. `due_at` None: dealt with. `outbound_key`: the message that tells it.
    """

    __tablename__ = "clinic_notice"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "appointment_id"))

    id: Mapped[UUID] = uuid_pk()
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default=NoticeState.PLANNED)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id", ondelete="CASCADE"))
    previous_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id", ondelete="CASCADE"))
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("waitlist_entry.id", ondelete="CASCADE"))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outbound_key: Mapped[str | None] = mapped_column(String(160))
