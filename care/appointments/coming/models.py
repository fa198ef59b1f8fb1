"""What is known of a visit before it: reminders owed and told, the answer, the call."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column

MISSED = "missed"
"""The step that asks after a visit nobody came to; the others are `d3`, `d1`: so many days before."""


class Told(StrEnum):
    """`TOLD`: queued to a contact. `CALL`: nowhere to write to, somebody rings. `KEPT`: not needed any more."""

    TOLD = "told"
    CALL = "call"
    KEPT = "kept"


class VisitReminder(Base):
    """One step of reminding of one appointment, once. `outbound_key`: the message that does it."""

    __tablename__ = "visit_reminder"

    appointment_id: Mapped[UUID] = mapped_column(
        ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(String(8), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(8))
    outbound_key: Mapped[str | None] = mapped_column(String(160))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Rung(StrEnum):
    """What a call about an unconfirmed visit came to."""

    COMING = "coming"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"


class ComingVisit(Base):
    """What was heard of an appointment, and how likely it is to be missed.

    `confirmed_by`: `patient` or `staff`. `risk`: 0 to 1, by the model of `care/appointments/noshow`, None while none is judged good;
    `risk_why`: `[[factor, log-odds added], …]`, the strongest first. Never shown to patients, never a reason to refuse.
    """

    __tablename__ = "coming_visit"
    __table_args__ = (Index(None, "patient_id"),)

    appointment_id: Mapped[UUID] = mapped_column(
        ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True
    )
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[str | None] = mapped_column(String(8))
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    called_by: Mapped[UUID | None]
    call: Mapped[str | None] = mapped_column(String(12))
    risk: Mapped[float | None] = mapped_column(Float)
    risk_why: Mapped[list[Any]] = mapped_column(JSON, default=list)
    scored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReminderLead(Base):
    """A department's own lead times in days before the visit, the longest first; no row: the hospital's."""

    __tablename__ = "reminder_lead"

    department_id: Mapped[UUID] = mapped_column(
        ForeignKey("healthcare_service.id", ondelete="CASCADE"), primary_key=True
    )
    days: Mapped[list[int]] = mapped_column(JSON)
    changed_by: Mapped[UUID]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
