"""Questionnaire definitions and responses."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedJson, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class Questionnaire(Base):
    """A published state of a definition, as FHIR R4 JSON: `version` is its meaning, `revision` its wording.

    Never changed; a response keeps to the row it began with. `retired_at`: no new responses from then on.
    """

    __tablename__ = "questionnaire"
    __table_args__ = (Index(None, "name", "version", "revision", unique=True),)

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(60))
    version: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    title: Mapped[str] = mapped_column(String(120))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[UUID | None]
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ResponseStatus(StrEnum):
    """FHIR's QuestionnaireResponse status, as far as we use it."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    STOPPED = "stopped"


class QuestionnaireResponse(Base, Leased):
    """Answers about one patient to one version; they may come in over several channels.

    `key`: what asked for it, so that it is asked once; None for what the patient began. `source`: `self`, `plan`, `staff`,
    `visit`… `conversation_id`: where it is answered now, `channel`: where the last answer came from (wechat, sms, page, phone).
    `answers`: link id → value (see `definition.asked`; None: skipped). `asking`: the item the patient went back to; None: the
    first one without an answer. `doubt`: what is
    being asked back before it is stored. `revision` counts every change. `due_at`: when it is asked for, reminded of or expires next
    (`chased`: how often it was asked for). `score`: the sum of the questionnaire's own scale; `scores`: every scale, with its band and the
    sentence a patient may hear. `reason` of stopping: left, expired, withdrawn, superseded.
    """

    __tablename__ = "questionnaire_response"
    __table_args__ = (
        Index(None, "conversation_id", "status"),
        Index(None, "patient_id", "started_at"),
        Index(None, "patient_id", "status"),
        Index(None, "started_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    questionnaire_id: Mapped[UUID] = mapped_column(ForeignKey("questionnaire.id"))
    name: Mapped[str] = mapped_column(String(60))
    key: Mapped[str | None] = mapped_column(String(160), unique=True)
    source: Mapped[str] = mapped_column(String(40), default="self")
    patient_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    conversation_id: Mapped[UUID | None]
    appointment_id: Mapped[UUID | None]
    channel: Mapped[str | None] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(12), default=ResponseStatus.IN_PROGRESS)
    reason: Mapped[str | None] = mapped_column(String(20))
    revision: Mapped[int] = mapped_column(Integer, default=0)
    asking: Mapped[str | None] = mapped_column(String(60))
    answers = EncryptedJson()
    answers_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    doubt = EncryptedJson()
    doubt_sealed: Mapped[bytes | None] = sealed_column()
    score: Mapped[int | None] = mapped_column(Integer)
    scores: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    chased: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


TOTAL = ""
"""The link id under which `AnswerNow` keeps the score."""


class AnswerNow(Base):
    """The newest coded answer of a patient to an item of a questionnaire, whatever its version: what audiences and plans ask for.

    `code` holds choices (and `true` or `false`), `number` numbers and, at `TOTAL`, the score. Texts are never kept here.
    """

    __tablename__ = "answer_now"
    __table_args__ = (Index(None, "questionnaire", "link_id", "patient_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)
    questionnaire: Mapped[str] = mapped_column(String(60), primary_key=True)
    link_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    code: Mapped[str | None] = mapped_column(String(60))
    number: Mapped[float | None] = mapped_column(Float)
    answered_date: Mapped[date] = mapped_column(Date)
    response_id: Mapped[UUID]
