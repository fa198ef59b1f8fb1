"""Work for people, and who is in charge of a conversation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class TaskKind(StrEnum):
    HUMAN_REQUEST = "human_request"
    UNCERTAIN_SEND = "uncertain_send"
    DEAD_LETTER = "dead_letter"
    CALL = "call"
    ALERT = "alert"
    CORRECTION = "correction"
    COMPLAINT = "complaint"
    PRIVACY = "privacy"
    MEDIA = "media"
    VOICE = "voice"


class DeskTask(Base):
    """Something a person must do. `dedup_key` makes a replay open it once.

    `status`: `open`, `taken`, `done`.
    """

    __tablename__ = "desk_task"
    __table_args__ = (Index(None, "status", "due_at"), Index(None, "kind", "created_at"))

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    conversation_id: Mapped[UUID | None] = mapped_column(index=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    status: Mapped[str] = mapped_column(String(10), default="open")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    assigned_to: Mapped[UUID | None]
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by: Mapped[UUID | None]


class Handoff(Base):
    """Who answers a conversation now. One row a conversation; `state`: `waiting`, `taken`, `back`.

    `due_at`: by when an answer was promised. `summary` is what the nurse leaves for the bot.
    """

    __tablename__ = "handoff"

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(unique=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(String(10), index=True)
    staff_id: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_staff_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    summary = EncryptedText()
    summary_sealed: Mapped[bytes | None] = sealed_column()
