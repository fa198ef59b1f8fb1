"""A closure, and the notice owed to each appointment it touches."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class Reason(StrEnum):
    """Why a clinic is not held; patients hear it in words, never a name of an illness."""

    ILLNESS = "illness"
    EMERGENCY = "emergency"
    MEETING = "meeting"
    EQUIPMENT = "equipment"
    HOLIDAY = "holiday"
    OTHER = "other"


class Owed(StrEnum):
    """Where a notice stands. `KEPT`: the patient moved or cancelled before it was told. `UNDONE`: the closure was taken back in time."""

    PLANNED = "planned"
    TOLD = "told"
    CALL = "call"
    KEPT = "kept"
    UNDONE = "undone"


class ClinicClosure(Base):
    """FHIR has no resource of its own for it: its Slots become `busy-unavailable`, here `blocked`.

    Of one doctor, or of all doctors of a department (`practitioner_id` None). Both days included; `part` None: all day.
    `substitute_id`: this doctor sees the patients at the same time and place instead. `undone_at`: taken back.
    """

    __tablename__ = "clinic_closure"
    __table_args__ = (Index(None, "last_day", "undone_at"),)

    id: Mapped[UUID] = uuid_pk()
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    substitute_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    part: Mapped[str | None] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(20))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_from: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[UUID | None]


class ClosureNotice(Base):
    """An appointment a closure touches, by natural key. `outbound_key`: the message that tells it; `due_at` None: dealt with."""

    __tablename__ = "closure_notice"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "appointment_id"))

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_closure.id"), primary_key=True)
    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointment.id"), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10), default=Owed.PLANNED)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outbound_key: Mapped[str | None] = mapped_column(String(160))
