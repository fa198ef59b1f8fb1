"""One dissatisfied visit, and what was done about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, Integer, String

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class Outcome(StrEnum):
    """How it ended: `RESOLVED` (the person is content with the answer), `EXPLAINED`, `FORWARDED` (to the department),
    `UNREACHABLE`, `DECLINED` (does not want to talk)."""

    RESOLVED = "resolved"
    EXPLAINED = "explained"
    FORWARDED = "forwarded"
    UNREACHABLE = "unreachable"
    DECLINED = "declined"


class RecoveryCase(Base):
    """`why`: `score` or `comment`. `task_id`: the desk's task. `owner_id`: who took it; `second_at`: when somebody else looks, if
    it is still open then; `second_task_id` their task."""

    __tablename__ = "recovery_case"
    __table_args__ = (Index(None, "closed_at", "second_at"), Index(None, "opened_at"))

    id: Mapped[UUID] = uuid_pk()
    response_id: Mapped[UUID] = mapped_column(unique=True)
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    contact_id: Mapped[UUID | None]
    conversation_id: Mapped[UUID | None]
    department_id: Mapped[UUID | None]
    practitioner_id: Mapped[UUID | None]
    why: Mapped[str] = mapped_column(String(10))
    score: Mapped[int | None] = mapped_column(Integer)
    task_id: Mapped[UUID]
    second_task_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    second_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(12))
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[UUID | None]
