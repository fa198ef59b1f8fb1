"""Requests about one's own data, checks of who asks, files handed out, what was deleted, and rounds of retention."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, Index, Integer, String

from store.base import (
    Base,
    EncryptedJson,
    EncryptedText,
    Mapped,
    UtcDateTime,
    mapped_column,
    sealed_column,
    uuid_pk,
)
from store.leases import Leased


class RequestKind(StrEnum):
    EXPORT = "export"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"
    DELETION = "deletion"


class RequestStatus(StrEnum):
    """`WAITING`: a person has to decide. `MAKING`: the house is at it. `DONE`, `REFUSED`: the person was told."""

    WAITING = "waiting"
    MAKING = "making"
    DONE = "done"
    REFUSED = "refused"


class PrivacyRequest(Base, Leased):
    """One wish. `key` makes a repeated callback open it once. `answer_by`: the latest moment for an answer; `due_at` is the
    worker's. `said`: the person's own words; `answer`: what they were told. `outcome`: table → rows, numbers only. After a
    deletion contact and conversation stay as ids of a tombstone: they lead to nothing that names anybody."""

    __tablename__ = "privacy_request"
    __table_args__ = (
        Index(None, "status", "answer_by"),
        Index(None, "patient_id"),
        Index(None, "contact_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(10))
    patient_id: Mapped[UUID | None]
    contact_id: Mapped[UUID]
    conversation_id: Mapped[UUID]
    said = EncryptedText()
    said_sealed: Mapped[bytes | None] = sealed_column()
    answer = EncryptedText()
    answer_sealed: Mapped[bytes | None] = sealed_column()
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer_by: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None]
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class PrivacyDraft(Base):
    """Where a conversation about one's data stands. `step`: check, correct, confirm; `after`: what the check is for."""

    __tablename__ = "privacy_draft"

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(unique=True)
    step: Mapped[str] = mapped_column(String(10))
    after: Mapped[str] = mapped_column(String(12))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdentityCheck(Base):
    """Tries of a contact at the last four of a patient's identity number, since `began_at`; `passed_at`: the last right one."""

    __tablename__ = "identity_check"

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    passed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PrivacyFile(Base):
    """An export that was made, behind `/my-data/<token>` until `expires_at`. `pdf` is base64."""

    __tablename__ = "privacy_file"
    __table_args__ = (Index(None, "patient_id"), Index(None, "expires_at"))

    id: Mapped[UUID] = uuid_pk()
    request_id: Mapped[UUID] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    patient_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    content = EncryptedJson()
    content_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    pdf = EncryptedText()
    pdf_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Tombstone(Base):
    """What once was deleted stays deleted: an address or an id that nothing may bring back. `subject`: `contact`, `patient`."""

    __tablename__ = "tombstone"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(10))
    request_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class RetentionRound(Base, Leased):
    """One night's tidying: a row a day, leased by one worker. `counted`: rule → rows."""

    __tablename__ = "retention_round"

    id: Mapped[UUID] = uuid_pk()
    day: Mapped[date] = mapped_column(Date, unique=True)
    counted: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
