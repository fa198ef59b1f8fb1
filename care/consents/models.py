"""The ledger of consents, what holds now, and what a contact has stopped."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class Purpose(StrEnum):
    """Why something is sent or kept. Each is agreed to by itself.

    Nothing is sent under the last five: `BINDING` is knowing who this is, `HEALTH` handling health information (separately: PIPL
    art. 29), `TRACKING` is keeping what a patient read, `RESEARCH` using it for studies, `PERSONAL`
    choosing articles by what is on record (PIPL art. 24: it can be refused, and general content is sent instead).
    """

    SERVICE_NOTICE = "service_notice"
    EDUCATION = "education"
    FOLLOW_UP = "follow_up"
    SURVEY = "survey"
    MARKETING = "marketing"
    TRACKING = "tracking"
    RESEARCH = "research"
    PERSONAL = "personal"
    BINDING = "binding"
    HEALTH = "health"


class OptOutLevel(StrEnum):
    """`CONTENT`: education, follow-up, surveys and marketing stop.

    Appointments and closures are still told.
    """

    NONE = "none"
    CONTENT = "content"
    ALL = "all"


class Consent(Base):
    """One decision, never changed afterwards. `subject` is `patient` or `contact`, `subject_id` which one.

    `text_version` names the wording shown; `proof` says how it was given (an inbound message id, a paper
    form number). `given_by`: the contact that decided, `guardian` its relation (`child`) where it did so for a child under 14.
    """

    __tablename__ = "consent"
    __table_args__ = (Index(None, "subject_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    subject: Mapped[str] = mapped_column(String(10))
    subject_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(String(20))
    granted: Mapped[bool]
    text_version: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(20))
    proof = EncryptedText()
    proof_sealed: Mapped[bytes | None] = sealed_column()
    given_by: Mapped[UUID | None]
    guardian: Mapped[str | None] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsentNow(Base):
    """What holds now: the newest ledger row per subject and purpose, for the send gate."""

    __tablename__ = "consent_now"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20), primary_key=True)
    granted: Mapped[bool]
    consent_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class OptOut(Base):
    """What a contact has stopped. No row: nothing."""

    __tablename__ = "opt_out"

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(String(10))
    channel: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
