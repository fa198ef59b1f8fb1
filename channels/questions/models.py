"""`OpenQuestion`: one question with its options. At most one is open in a conversation; a newer one supersedes it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String

from store.base import Base, EncryptedJson, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class OpenQuestion(Base):
    """`instance` says what asked (`booking:slot`, `alert:<id>`). `reply` is the `Reply` that asked, so that it can be asked
    again. `resumes` is the question that was open when this one interrupted. `status`: waiting (its message has not left,
    or did not arrive), open, answered, superseded, expired."""

    __tablename__ = "open_question"
    __table_args__ = (Index(None, "conversation_id", "status"),)

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    patient_id: Mapped[UUID | None]
    instance: Mapped[str] = mapped_column(String(120))
    reply = EncryptedJson()
    reply_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    status: Mapped[str] = mapped_column(String(16), default="open")
    resumes: Mapped[UUID | None]
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
