"""Reminders: what of, at which times of day, for whom, until when."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased


class ReminderKind(StrEnum):
    """It reminds; which medicine and how much stays with the doctor."""

    MEDICATION = "medication"
    BLOOD_PRESSURE = "blood_pressure"
    GLUCOSE = "glucose"


class ReminderStatus(StrEnum):
    """`PROPOSED`: asked back, or offered by a nurse; nothing is sent before the patient agrees."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    STOPPED = "stopped"
    ENDED = "ended"


class Reminder(Base, Leased):
    """`times`: local times of day as `HH:MM`, sorted. `weekdays`: of ISO, 1 Monday, empty: every day. `due_at` (leased): the next one.

    `set_by` None: the patient, by chat; else who of the staff offered it. `last_at`: the one sent last, which answers belong to.
    """

    __tablename__ = "reminder"
    __table_args__ = (Index(None, "patient_id", "status"), Index(None, "conversation_id", "status"))

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(16))
    times: Mapped[list[str]] = mapped_column(JSON)
    weekdays: Mapped[list[int]] = mapped_column(JSON, default=list)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(10), default=ReminderStatus.ACTIVE)
    set_by: Mapped[UUID | None]
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
