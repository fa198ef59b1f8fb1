"""Attempts to prove that a contact may act for a patient, and the QR codes staff hand out for it."""

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


class BindingQr(Base):
    """A QR code for one patient record, shown by staff. Only the hash of its token is stored.

    `state`: `made` (no code from WeChat yet), `shown`, `scanned`, `bound`, `locked` (five wrong tries), `declined` (not whom
    the person came for), `failed` (WeChat made no code). `url` is what the code says: whoever has it can scan it, so it is
    sealed. `relation` is what the patient is to the person who scans. `tries` counts wrong answers to the identity check.
    """

    __tablename__ = "binding_qr"
    __table_args__ = (Index(None, "created_by", "created_at"),)

    id: Mapped[UUID] = uuid_pk()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(String(64))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    relation: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="made")
    url = EncryptedText()
    url_sealed: Mapped[bytes | None] = sealed_column()
    contact_id: Mapped[UUID | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    bound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
