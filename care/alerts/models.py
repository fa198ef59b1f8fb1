"""Alerts: what a person must see at once, each step that was taken, and the word that went to staff."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class AlertKind(StrEnum):
    EMERGENCY = "emergency"
    CRISIS = "crisis"
    RED_FLAG = "red_flag"


Severity = Literal["emergency", "urgent", "soon"]
Source = Literal["message", "answer", "total", "free_text", "observation", "feedback"]


class Outcome(StrEnum):
    """What became of it, said by whoever closes it."""

    CALLED = "called"
    TOLD_TO_COME = "told_to_come"
    AMBULANCE = "ambulance"
    DOCTOR = "doctor"
    FALSE_ALARM = "false_alarm"
    NOT_REACHED = "not_reached"
    OTHER = "other"


class Alert(Base, Leased):
    """`dedup_key` (`<inbound id>:<kind>`) makes a replayed message open it once.

    `text` is what the person wrote or answered, `title` (Chinese, for staff) what it is about, `rule` the code of what rang.

    `status`: `open`, `acknowledged`, `closed`. `patient_id` empty: the contact is bound to nobody.
    `false_alarm_at`: the person said that nothing was the matter; a nurse still closes it.

    `level`: whose it is now: 0 nurse, 1 head nurse, 2 doctor on duty. `due_at` (leased): when the chain goes on by itself, for an
    open alert by when it must be acknowledged, for an acknowledged one by when it must be closed. `owner_id`: who answers for it.
    """

    __tablename__ = "alert"
    __table_args__ = (Index(None, "status", "opened_at"),)

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    severity: Mapped[str] = mapped_column(String(10), default="emergency", server_default="emergency")
    source: Mapped[str] = mapped_column(String(12), default="message", server_default="message")
    rule: Mapped[str | None] = mapped_column(String(80))
    title = EncryptedText()
    title_sealed: Mapped[bytes | None] = sealed_column()
    conversation_id: Mapped[UUID | None] = mapped_column(index=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    inbound_id: Mapped[UUID | None]
    response_id: Mapped[UUID | None] = mapped_column(index=True)
    department_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(String(12), default="open")
    owner_id: Mapped[UUID | None] = mapped_column(index=True)
    level: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column()
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    false_alarm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[UUID | None]
    outcome: Mapped[str | None] = mapped_column(String(16))


class StepKind(StrEnum):
    """What happened to an alert, in the order of its life."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    REMINDED = "reminded"
    FALSE_ALARM = "false_alarm"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"
    CLOSED = "closed"
    REOPENED = "reopened"


class AlertStep(Base):
    """One step of an alert's life, never changed. `by`: the member of staff, empty: the chain itself. `told`: staff ids it went
    to; `how` of theirs: `roster`, `role` (nobody was on the roster) or `all` (nobody acknowledged at the last level)."""

    __tablename__ = "alert_step"
    __table_args__ = (Index(None, "alert_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    level: Mapped[int] = mapped_column(Integer, default=0)
    by: Mapped[UUID | None]
    told: Mapped[list[str]] = mapped_column(JSON, default=list)
    how: Mapped[str | None] = mapped_column(String(8))
    outcome: Mapped[str | None] = mapped_column(String(16))
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
