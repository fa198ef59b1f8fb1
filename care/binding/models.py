"""Attempts to prove that a contact may act for a patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class BindingAttempt(Base):
    """One challenge. `patient_id` empty: a decoy, made when nothing matched, that no code opens.

    `status`: `pending`, `bound`, `locked` (five wrong tries), `replaced` (a newer one was started).
    """

    __tablename__ = "binding_attempt"
    __table_args__ = (Index(None, "contact_id", "created_at"), Index(None, "patient_id", "created_at"))

    id: Mapped[UUID] = uuid_pk()
    contact_id: Mapped[UUID]
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    relation: Mapped[str] = mapped_column(String(10))
    label = EncryptedText()
    label_sealed: Mapped[bytes | None] = sealed_column()
    code_hash: Mapped[str] = mapped_column(String(64))
    tries: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[str] = mapped_column(String(10), default="pending")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
